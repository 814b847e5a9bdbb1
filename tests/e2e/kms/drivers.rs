//! AWS's own clients, unchanged, against the HTTP face. Their scripts are in tests/kms.

use std::path::Path;
use std::process::{Command, Stdio};

use super::House;

#[test]
#[ignore = "needs boto3 in PGSEAL_TEST_PYTHON; .ci/run installs it"]
fn boto3_sees_aws_kms() {
    let house = House::new("boto3");
    let anything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#;
    std::fs::write(house.file("all.json"), anything).unwrap();
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    house.text(&["caller", "add", "admin", "--arn", &role("admin"), "--policy", "all.json", "--credentials", "admin"]);
    house.text(&["caller", "add", "app", "--arn", &role("app"), "--credentials", "app"]);
    let served = house.serve();
    let python = std::env::var_os("PGSEAL_TEST_PYTHON").expect("a Python with boto3; .ci/run shows how to install it");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kms/boto3_face.py");
    let output = Command::new(python)
        .arg(script)
        .args([&served.url, "admin", "app"])
        .current_dir(&house.directory)
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env_remove("AWS_SESSION_TOKEN")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.trim_end().ends_with("all as AWS"), "{said}");
    drop(served);
    assert!(house.text(&["audit", "verify"]).starts_with("the log holds"));
}
