"""Throw-away clusters and proxies before them, run by a user that is not root, in a folder that only it can enter."""

import os
import pathlib
import pwd
import secrets
import shutil
import signal
import string
import subprocess
import sys
import tempfile
import time

import source

DATABASE = "regression"
# As pg_regress has them; without autovacuum, whose moments would be in the results.
SETTINGS = {
    "autovacuum": "off",
    "fsync": "off",
    "max_prepared_transactions": "2",
    "log_lock_waits": "on",
    "log_statement": "none",
}
# pg_regress gives its databases these.
DATABASE_SETTINGS = {
    "lc_messages": "C",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "bytea_output": "hex",
    "timezone_abbreviations": "Default",
}


class Failed(Exception):
    """A program that must succeed did not; the text is what it said."""


def folder(name):
    """A folder of letters alone: its path is in constants of the suite, which are to lex alike in every run."""
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(12))
    home = pathlib.Path(tempfile.gettempdir()) / f"{name}-{letters}"
    home.mkdir(mode=0o700)
    return home


def command(name, measure):
    """Runs `measure` in a folder of its own, which it does not leave behind; what it could not find out is said, and 2."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(2))
    home = folder(name)
    try:
        return measure(home)
    except (source.Missing, Failed, OSError, ValueError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(home, ignore_errors=True)


class User:
    """Who runs the servers and psql: initdb refuses root."""

    def __init__(self):
        self.entry = None
        if os.getuid() == 0:
            known = {entry.pw_name: entry for entry in pwd.getpwall()}
            self.entry = known.get("postgres") or known["nobody"]

    def own(self, folder):
        """Gives this user a folder and all that is in it."""
        if self.entry is None:
            return
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, self.entry.pw_uid, self.entry.pw_gid)

    def options(self):
        """For subprocess."""
        if self.entry is None:
            return {}
        return {"user": self.entry.pw_uid, "group": self.entry.pw_gid, "extra_groups": []}


class Servers:
    """What was started; leaving it ends all of it."""

    def __init__(self, programs, home, address=None, database=DATABASE):
        """On sockets in `home`, or at a loopback address for clients that know no sockets."""
        self.programs, self.home = programs, home
        self.address, self.host, self.database = address, address or home, database
        self.user = User()
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            end(process)

    def options(self):
        """For subprocess: nothing of the caller's decides what a result looks like."""
        return {"cwd": self.home, "env": environment(), "stdin": subprocess.DEVNULL, **self.user.options()}

    def run(self, *command):
        """Runs a program to its end."""
        done = subprocess.run(command, capture_output=True, text=True, **self.options())
        if done.returncode != 0:
            raise Failed(f"{pathlib.Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def start(self, name, *command):
        """Starts a program whose words go to a log."""
        with open(self.home / f"{name}.log", "ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **self.options())
        self.running.append(process)
        return process

    def stop(self, process):
        """Ends one of them."""
        self.running.remove(process)
        end(process)

    def initdb(self, data):
        """An empty cluster that trusts whoever reaches its socket, which is in a closed folder."""
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.run(self.programs / "initdb", "-D", data, *options)

    def cluster(self, data, port, more={}):
        """Starts a cluster, and waits until it answers."""
        wanted = SETTINGS | {"listen_addresses": self.address or ""} | more
        settings = [word for name, value in wanted.items() for word in ("-c", f"{name}={value}")]
        place = ("-D", data, "-k", self.home, "-p", str(port))
        process = self.start(data.name, self.programs / "postgres", *place, *settings)
        self.wait(process, port, data.name)
        return process

    def proxy(self, pgseal, schema, upstream, port, name, *options):
        """Starts `pgseal serve`, given as the words of a command, where a cluster would listen."""
        listen = f"{self.address}:{port}" if self.address else f"unix:{self.home}/.s.PGSQL.{port}"
        process = self.start(
            *(name, *pgseal, "serve", "--schema", schema, "--upstream", self.url(upstream), "--listen", listen),
            *("--state-dir", self.home / "state", *options),
        )
        self.wait(process, port, name)
        return process

    def wait(self, process, port, name):
        for _ in range(600):
            ready = [self.programs / "pg_isready", "-q", "-h", self.host, "-p", str(port), "-d", self.database]
            if subprocess.run(ready, **self.user.options()).returncode == 0:
                return
            if process.poll() is not None:
                break
            time.sleep(0.1)
        log = (self.home / f"{name}.log").read_text(errors="replace").splitlines()
        raise Failed(f"{name} does not answer: {' / '.join(log[-3:])}")

    def url(self, port):
        """How libpq reaches the database."""
        return f"host={self.host} port={port} user=postgres dbname={self.database}"

    def psql(self, port, *arguments, database=None):
        """psql that stops at the first error; returns rows only."""
        fixed = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.host, "-p", str(port), "-U", "postgres"]
        return self.run(self.programs / "psql", *fixed, "-d", database or self.database, *arguments)

    def create_database(self, port):
        """The database of the suite, as pg_regress makes it."""
        self.psql(port, "-c", f"CREATE DATABASE {DATABASE} TEMPLATE template0", database="postgres")
        for name, value in DATABASE_SETTINGS.items():
            self.psql(port, "-c", f"ALTER DATABASE {DATABASE} SET {name} TO '{value}'", database="postgres")

    def copy(self, data, other):
        """A second cluster of the same bytes, of one that is stopped."""
        shutil.copytree(data, other, symlinks=True)
        self.user.own(other)
        other.chmod(0o700)


def end(process):
    """Fast shutdown for PostgreSQL, the ordinary end for the proxy; after a while neither is asked."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def environment():
    """Little of the caller's."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C", "LC_MESSAGES": "C", "HOME": "/nonexistent"}
