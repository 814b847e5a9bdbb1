"""rust-postgres: tokio-postgres and postgres, whose packages hold their tests. None of theirs for TLS is among them."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess

import source
from clients import suite

NEEDS_SOURCE = None
CRATES = ("tokio-postgres", "postgres")
# The tests dial this port.
DIALLED = "5433"


def prepare(cache, checkout, _programs, port):
    """The test programs of both crates, for the port at which the runs find their server."""
    programs = {}
    copies = suite.fresh(cache / "suite")
    for crate in CRATES:
        folder = copies / crate
        shutil.copytree(checkout / crate if checkout else package(cache, crate), folder)
        for path in [*folder.glob("src/test.rs"), *folder.glob("tests/**/*.rs")]:
            path.write_text(path.read_text().replace(DIALLED, str(port)))
        programs |= {f"{crate}::{name}": program for name, program in build(cache, folder)}

    def run(place):
        found = {}
        for name, program in programs.items():
            for line in suite.tool(program, "--list").splitlines():
                test, _, kind = line.rpartition(": ")
                if kind == "test":
                    ended = suite.ended([program, "--exact", test], place)
                    found[f"{name}::{test}"] = dataclasses.replace(ended, message=panicked(ended.message))
        return found

    return run


def panicked(said):
    """What a test said, without the words of the test program around it."""
    return said.partition("stdout ----\n")[2].partition("\n\nfailures:")[0].strip()


def package(cache, crate):
    """Where cargo has unpacked the newest version of the crate."""
    probe = cache / "probe"
    if not probe.exists():
        (probe / "src").mkdir(parents=True)
        (probe / "src/lib.rs").touch()
        wanted = "".join(f'{name} = "*"\n' for name in CRATES)
        (probe / "Cargo.toml").write_text(
            f'[package]\nname = "probe"\nedition = "2021"\n[dependencies]\n{wanted}[workspace]\n'
        )
    known = json.loads(suite.tool(cargo(), "metadata", "--format-version=1", cwd=probe))
    manifest = next(entry["manifest_path"] for entry in known["packages"] if entry["name"] == crate)
    return pathlib.Path(manifest).parent


def build(cache, folder):
    """Builds the tests with support for every type; yields the programs that hold tests by their names."""
    manifest = folder / "Cargo.toml"
    text = manifest.read_text()
    manifest.write_text(text if "[workspace]" in text else f"{text}\n[workspace]\n")
    features = ",".join(re.findall(r"^(?:with-[\w-]+|array-impls)(?= =)", text, re.MULTILINE))
    command = [cargo(), "test", "--no-run", "--message-format=json", f"--features={features}"]
    own = os.environ | {"CARGO_TARGET_DIR": str(cache / "target")}
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=own)
    if done.returncode != 0:
        raise source.Missing(f"the tests of {folder.name} do not build")
    for message in map(json.loads, done.stdout.splitlines()):
        if message.get("executable") and message["profile"]["test"]:
            yield message["target"]["name"], message["executable"]


def cargo():
    return os.environ.get("CARGO", "cargo")
