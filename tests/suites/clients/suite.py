"""What every suite of a client is to the runner."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys

import source

# Nothing of the caller's decides a result, but what package clients and compilers need is theirs.
KEPT = ("PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "JAVA_HOME", "TMPDIR")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a test ended. Only the kind is compared; the message is for the reader."""

    kind: str
    message: str = ""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a run finds its server, and a folder that it may fill."""

    host: str
    port: int
    user: str
    database: str
    scratch: pathlib.Path

    def environment(self):
        """The environment of a test, without a server in it."""
        return {name: os.environ[name] for name in KEPT if name in os.environ} | {"LANG": "C.UTF-8", "TZ": "UTC"}

    def server(self):
        """libpq's variables, which most drivers read."""
        return {"PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": self.user, "PGDATABASE": self.database}


def tool(*command, **options):
    """Runs a program that prepares something, to its end; what it said is told only if it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        last = " / ".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise source.Missing(f"{pathlib.Path(command[0]).name} {command[1]} failed: {last}")
    return done.stdout


def ended(command, place, seconds=60, **options):
    """How a test that is a process ended."""
    options = {"env": place.environment() | place.server(), "stdin": subprocess.DEVNULL, "cwd": place.scratch} | options
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, **options)
    except subprocess.TimeoutExpired:
        return Outcome("failed", f"no end within {seconds} s")
    said = (done.stdout + done.stderr).decode(errors="replace").strip()
    return Outcome("passed" if done.returncode == 0 else "failed", said)


def fresh(folder):
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def environment(folder, *packages):
    """A virtual environment with these packages, as pip's command line has them."""
    python = folder / "bin/python"
    if not python.exists():
        tool(sys.executable, "-m", "venv", folder)
    tool(python, "-m", "pip", "install", "-q", *packages)
    return python


def pytest(python, suite, place, options, variables):
    """Runs a suite of pytest; a plugin of ours writes the outcomes, also of a run that dies."""
    outcomes = place.scratch / "outcomes"
    plugin = pathlib.Path(__file__).parent / "plugin"
    with open(place.scratch / "pytest.log", "wb") as log:
        subprocess.run(
            [python, "-m", "pytest", "-q", "-p", "outcomes", "-o", f"cache_dir={place.scratch / 'cache'}", *options],
            cwd=suite,
            env=place.environment() | {"OUTCOMES": str(outcomes), "PYTHONPATH": str(plugin)} | variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    if not outcomes.exists():
        last = (place.scratch / "pytest.log").read_text(errors="replace").strip().splitlines()[-3:]
        raise source.Missing(f"pytest ran no test: {' / '.join(last)}")
    return {test: Outcome(kind, message) for test, kind, message in map(json.loads, outcomes.open())}
