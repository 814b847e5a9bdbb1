//! The embedded key service by its command: verbs on a store's file, and its HTTP face.

mod drivers;
mod killed;
mod verbs;
mod wire;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// A directory with a store of account 111122223333, which goes with it.
struct House {
    directory: PathBuf,
}

impl House {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("pgseal-e2e-kms-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let house = Self { directory };
        house.ok(&["init", "--account", "111122223333"], b"");
        house
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PGSEAL_") {
                command.env_remove(name);
            }
        }
        command.arg("kms").args(words).env("PGSEAL_KMS_STORE", self.file("keys.kms")).current_dir(&self.directory);
        command
    }

    fn run(&self, words: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that reads nothing may have ended.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// What a verb printed that ended well.
    fn ok(&self, words: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(words, input);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn text(&self, words: &[&str]) -> String {
        String::from_utf8(self.ok(words, b"")).unwrap().trim().to_owned()
    }

    /// What a verb complained of that ended with this code.
    fn fails(&self, words: &[&str], input: &[u8], code: i32) -> String {
        let output = self.run(words, input);
        assert_eq!(output.status.code(), Some(code), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// A running service, with its URL.
    fn serve(&self) -> Served {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Served { child, url }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A service that ends with this value.
struct Served {
    child: Child,
    url: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
