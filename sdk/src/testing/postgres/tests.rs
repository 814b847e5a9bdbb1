use std::os::unix::fs::MetadataExt;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn nobody_but_the_servers_user_can_enter_its_folder() {
    let home = make_home(&Owner::of_this_process().unwrap()).unwrap();
    assert_eq!(mode(&home), 0o700);
    fs::remove_dir(&home).unwrap();
}
