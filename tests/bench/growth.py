#!/usr/bin/env python3
"""What a session costs the proxy as it grows: processor time and memory, read from /proc.

    tests/bench/growth.py PROGRAM [--output json]

PROGRAM is a built `pgseal`. Before a throw-away PostgreSQL with one sealed table it measures, each in a proxy of its own:

* the processor time of a Parse in a session that has 100 named statements and in one that has 10,000, every tenth of them
  on the sealed table: their ratio;
* the resident memory that a session adds which sends 300,000 frames before it reads an answer;
* the resident memory of an idle connection, mean of 200, before and after each has read a row of 1 MB.

Needs Python 3.11 and PostgreSQL of Debian's packages.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import struct
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "suites"))

import servers
import source

PORT, PROXY_PORT = 5001, 6001
FRAMES, CONNECTIONS, PARSES = 300_000, 200, 20_000

TABLES = "CREATE TABLE card (id bigint PRIMARY KEY, pan text NOT NULL); CREATE TABLE note (text text)"

SCHEMA = """version = 1
[keyrings.bench]
generator = "local:bench"
[branch_keys.bench]
keyring = "bench"
[tables.card]
name = "public.card"
branch_key = "bench"
row_signature = "none"
[tables.card.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path, metavar="PROGRAM", help="a built pgseal")
    parser.add_argument("--bindir", type=pathlib.Path, help="the server's programs (default: the newest of Debian's)")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    options = parser.parse_args()
    return servers.command("growth", lambda home: report(measure(options.program, home, options.bindir), options.output))


def report(figures, output):
    if output == "json":
        print(json.dumps(figures, indent=2))
        return 0
    for name, (value, unit) in figures.items():
        print(f"{name:60} {value:10.2f} {unit}")
    return 0


def measure(program, home, bindir):
    home.chmod(0o711)
    (home / "state").mkdir(mode=0o700)
    pgseal, schema = home / "pgseal", home / "bench.toml"
    shutil.copy(program, pgseal)
    schema.write_text(SCHEMA)
    with servers.Servers(bindir or source.bindir(), home) as started:
        started.user.own(home)
        started.initdb(home / "cluster")
        with open(home / "cluster" / "postgresql.conf", "a") as conf:
            conf.write("max_connections = 300\n")
        started.cluster(home / "cluster", PORT)
        started.create_database(PORT)
        started.psql(PORT, "-c", TABLES)
        apply = (pgseal, "schema", "apply", "--create-keys", "--schema", schema)
        started.run(*apply, "--state-dir", home / "state", "--database", started.url(PORT))

        def in_a_proxy(question):
            proxy = started.proxy((pgseal,), schema, PORT, PROXY_PORT, question.__name__)
            try:
                return question(process(proxy.pid, pgseal), started)
            finally:
                started.stop(proxy)

        few, many = in_a_proxy(parses)
        idle, after = in_a_proxy(idle_connections)
        return {
            "Parse at 100 named statements": (few * 1e6, "us"),
            "Parse at 10,000 named statements": (many * 1e6, "us"),
            "ratio": (many / few, ""),
            "300,000 frames ahead": (in_a_proxy(frames_ahead) / 1e6, "MB"),
            "idle connection": (idle / 1e3, "kB"),
            "idle connection after a row of 1 MB": (after / 1e3, "kB"),
        }


def process(pid, program):
    """The proxy itself: what was started may be a shell of another user around it."""
    pending = [pid]
    while pending:
        pid = pending.pop()
        if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == program.name:
            return pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        pending.extend(int(child) for child in children.split())
    raise servers.Failed("the proxy's process is not found")


def processor_time(pid):
    """Of all its threads, in seconds."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory(pid):
    """Resident bytes, without what is mapped from files."""
    fields = pathlib.Path(f"/proc/{pid}/status").read_text().split("RssAnon:")[1]
    return int(fields.split()[0]) * 1024


class Session:
    """A client that speaks the protocol and nothing else."""

    def __init__(self, started):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f"{started.home}/.s.PGSQL.{PROXY_PORT}")
        self.file = self.socket.makefile("rb", 1 << 16)
        body = struct.pack(">i", 196608)
        for text in ("user", "postgres", "database", servers.DATABASE):
            body += text.encode() + b"\0"
        self.socket.sendall(struct.pack(">i", len(body) + 5) + body + b"\0")
        self.until(b"Z")

    def frame(self):
        tag = self.file.read(1)
        (length,) = struct.unpack(">i", self.file.read(4))
        return tag, self.file.read(length - 4)

    def until(self, last, count=1):
        while count:
            tag, body = self.frame()
            if tag == b"E":
                raise servers.Failed(body.decode("utf-8", "replace"))
            count -= tag == last

    def ask(self, frames):
        self.socket.sendall(frames)
        self.until(b"Z")


def message(tag, body=b""):
    return tag + struct.pack(">i", len(body) + 4) + body


def parse(name, text):
    return message(b"P", name + b"\0" + text + b"\0\0\0")


def query(text):
    return message(b"Q", text.encode() + b"\0")


SYNC = message(b"S")


def parses(pid, started):
    """Processor seconds of a Parse at 100 and at 10,000 named statements."""
    figures = []
    for number in (100, 10_000):
        session = Session(started)
        for at in range(number):
            text = b"SELECT pan FROM card WHERE id = $1" if at % 10 == 0 else b"SELECT text FROM note WHERE text = $1"
            session.ask(parse(b"n%d" % at, text) + SYNC)
        before = processor_time(pid)
        for at in range(PARSES // 100):
            session.ask(b"".join(parse(b"", b"SELECT %d FROM note" % (at * 100 + one)) for one in range(100)) + SYNC)
        figures.append((processor_time(pid) - before) / PARSES)
    return figures


def frames_ahead(pid, started):
    """Resident bytes at the most while 300,000 frames are sent and no answer is read."""
    session, most = Session(started), 0
    before = memory(pid)
    frames = (parse(b"", b"SELECT 1") + message(b"B", b"\0\0\0\0\0\0\0\0") + message(b"E", b"\0\0\0\0\0")) * (FRAMES // 3)

    def send():
        session.socket.sendall(frames + SYNC)

    sender = threading.Thread(target=send)
    sender.start()
    while True:
        most = max(most, memory(pid) - before)
        sender.join(0.02)
        # Both sockets are full: what is not sent by now waits until answers are read.
        if not sender.is_alive() or stuck(pid):
            break
    most = max(most, memory(pid) - before)
    session.until(b"Z")
    sender.join()
    return most


def stuck(pid, memo={}):
    now = processor_time(pid)
    memo["still"] = memo.get("still", 0) + 1 if memo.get("time") == now else 0
    memo["time"] = now
    return memo["still"] > 25


def idle_connections(pid, started):
    """Resident bytes of one connection, at first and after it has read a long row."""
    Session(started)
    before = memory(pid)
    sessions = [Session(started) for _ in range(CONNECTIONS)]
    idle = (memory(pid) - before) / CONNECTIONS
    for session in sessions:
        session.ask(query("SELECT repeat('x', 1000000)"))
        session.ask(query("SELECT 1"))
    return idle, (memory(pid) - before) / CONNECTIONS


if __name__ == "__main__":
    sys.exit(main())
