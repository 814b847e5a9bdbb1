#!/usr/bin/env python3
"""Instructions that one execution of a prepared statement costs the proxy, counted by valgrind's callgrind.

    tests/bench/instructions.py PROGRAM [PROGRAM ...] [--output json]

Each PROGRAM is a built `pgseal`; the later ones are compared with the first. `pgseal serve` runs under callgrind before
a throw-away PostgreSQL and pgbench executes one statement a fixed number of times, once more often than the other time:
the difference, divided by the further executions, is what one costs when plan and keys are cached. Only the thread that
serves the session is counted, and of it not the event loop. Needs Python 3.11, valgrind, and PostgreSQL of Debian's
packages.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "suites"))

import servers
import source

PORT, PROXY_PORT = 5001, 6001
EXECUTIONS = (200, 1200)

TABLES = """
CREATE TABLE card (id bigint PRIMARY KEY, number bigint UNIQUE NOT NULL, pan text NOT NULL, holder text NOT NULL);
CREATE INDEX ON card (pan);
CREATE TABLE account (id bigint PRIMARY KEY, number bigint UNIQUE NOT NULL, branch text NOT NULL,
                      owner text NOT NULL, balance numeric(12,2) NOT NULL);
CREATE TABLE plain_card (LIKE card INCLUDING ALL);
"""

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
number = "DO_NOTHING"
pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
holder = { action = "ENCRYPT_AND_SIGN", type = "text" }
[tables.card.beacons]
standard = [{ name = "pan", length = "exact" }]

[tables.account]
name = "public.account"
branch_key = "bench"
row_signature = "HMAC-SHA-384"
[tables.account.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
number = "DO_NOTHING"
branch = "SIGN_ONLY"
owner = { action = "ENCRYPT_AND_SIGN", type = "text" }
balance = { action = "ENCRYPT_AND_SIGN", type = "numeric(12,2)" }
"""

ROWS = (
    "INSERT INTO card (id, number, pan, holder) VALUES (1, 1, '4111111111111111', 'Ada Lovelace')",
    "INSERT INTO account (id, number, branch, owner, balance) VALUES (1, 1, 'Berlin-Mitte', 'Ada Lovelace', 12500.50)",
    "INSERT INTO plain_card (id, number, pan, holder) VALUES (1, 1, '4111111111111111', 'Ada Lovelace')",
)

# pgbench sends its variables as parameters. `number` is neither sealed nor signed: of such a WHERE nothing can be
# checked on the row.
STATEMENTS = {
    "SELECT of an unsealed table": "SELECT id, pan, holder FROM plain_card WHERE id = :key",
    "SELECT by a clear column": "SELECT pan, holder FROM card WHERE number = :key",
    "SELECT by primary key": "SELECT id, pan, holder FROM card WHERE id = :key",
    "SELECT by sealed column": "SELECT id, pan, holder FROM card WHERE pan = :pan",
    "SELECT by a clear column, signed": "SELECT owner, balance FROM account WHERE number = :key",
    "SELECT by primary key, signed": "SELECT id, owner, balance FROM account WHERE id = :key",
    "UPDATE by a clear column, signed": "UPDATE account SET balance = :amount WHERE number = :key",
    "UPDATE by primary key, signed": "UPDATE account SET balance = :amount WHERE id = :key",
    "INSERT": "INSERT INTO card (id, number, pan, holder) VALUES (:new, :new, :pan, :name)",
    "INSERT, signed": "INSERT INTO account (id, number, branch, owner, balance) VALUES (:new, :new, :name, :name, :amount)",
}
VARIABLES = ("-D", "key=1", "-D", "pan=4111111111111111", "-D", "amount=99.75", "-D", "name=Lovelace")
# All of one length, and none twice.
NEW = "\\set new 1000000000000 + random(0, 999999999999)\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    path = pathlib.Path
    parser.add_argument("programs", type=path, nargs="+", metavar="PROGRAM", help="a built pgseal")
    parser.add_argument("--bindir", type=path, help="the server's programs (default: the newest of Debian's)")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    options = parser.parse_args()
    home = pathlib.Path(tempfile.mkdtemp(prefix="instructions-"))
    try:
        builds = enumerate(options.programs)
        counts = [measure(program, home / str(number), options.bindir) for number, program in builds]
    except (source.Missing, servers.Failed) as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(home)
    report(options, counts)
    return 0


def measure(program, home, bindir):
    """All statements through one build, before a cluster of its own: formats may differ between builds."""
    if not shutil.which("valgrind"):
        raise source.Missing("no valgrind: `apt-get install valgrind`")
    home.mkdir(mode=0o700)
    (home / "state").mkdir(mode=0o700)
    pgseal, schema = home / "pgseal", home / "bench.toml"
    shutil.copy(program, pgseal)
    schema.write_text(SCHEMA)
    for number, text in enumerate(STATEMENTS.values()):
        (home / f"{number}.sql").write_text(f"{NEW if ':new' in text else ''}{text};\n")
    home.parent.chmod(0o711)
    with servers.Servers(bindir or source.bindir(), home) as started:
        started.user.own(home)
        started.initdb(home / "cluster")
        started.cluster(home / "cluster", PORT)
        started.create_database(PORT)
        started.psql(PORT, "-c", TABLES)
        apply = (pgseal, "schema", "apply", "--create-keys", "--schema", schema)
        started.run(*apply, "--state-dir", home / "state", "--database", started.url(PORT))
        proxy = started.proxy((pgseal,), schema, PORT, PROXY_PORT, "fill")
        for row in ROWS:
            started.psql(PROXY_PORT, "-c", row)
        started.stop(proxy)
        counts = {}
        for number, name in enumerate(STATEMENTS):
            few, many = (counted(started, pgseal, schema, number, executions) for executions in EXECUTIONS)
            further = EXECUTIONS[1] - EXECUTIONS[0]
            counts[name] = (many - few) / further
        return counts


def counted(started, pgseal, schema, number, executions):
    """What a session costs that executes one statement so often."""
    home = started.home
    name = f"callgrind-{number}-{executions}"
    valgrind = ("valgrind", "-q", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={home / name}")
    proxy = started.proxy((*valgrind, pgseal), schema, PORT, PROXY_PORT, f"proxy-{name}", "--threads", "1")
    started.run(
        *(started.programs / "pgbench", "-h", home, "-p", str(PROXY_PORT), "-U", "postgres", "-n", "-M", "prepared"),
        *("-c", "1", "-t", str(executions), "-f", home / f"{number}.sql", *VARIABLES, servers.DATABASE),
    )
    started.stop(proxy)
    threads = [costs(path) for path in home.glob(f"{name}-*")]
    session = max(threads, key=lambda functions: sum(cost for name, cost in functions.items() if SESSION in name))
    return sum(cost for function, cost in session.items() if not EVENT_LOOP.search(function))


# What no other thread has much of.
SESSION = "pgseal_proxy::session"
# How often a thread is woken and reads depends on what else the machine does; all the rest is the same in every run.
EVENT_LOOP = re.compile(r"^<?(?:tokio|mio|std)::|clock_gettime|epoll_wait|^__pthread_(?:en|dis)able_asynccancel")


def costs(path):
    """Instructions of each function itself, of a file as callgrind writes it."""
    names, totals, function, called = {}, {}, None, False
    for line in path.read_text().splitlines():
        if line.startswith("fn="):
            number, _, name = line[3:].partition(" ")
            function = names.setdefault(number, name)
        elif line.startswith("cfn="):
            number, _, name = line[4:].partition(" ")
            names.setdefault(number, name)
        elif line.startswith("calls="):
            # The line behind it is the cost of what was called.
            called = True
        elif line[:1] in "+-*0123456789" and line:
            if not called:
                totals[function] = totals.get(function, 0) + int(line.split()[1])
            called = False
    return totals


def report(options, counts):
    if options.output == "json":
        print(json.dumps(dict(zip(map(str, options.programs), counts)), indent=1))
        return
    heads = "".join(f" {program} |" for program in options.programs)
    print(f"| instructions a statement |{heads}")
    print("|---|" + "--:|" * len(counts))
    for name in STATEMENTS:
        base, *others = (build[name] for build in counts)
        cells = [f"{base:.0f}", *(f"{other:.0f} ({100 * (other / base - 1):+.1f} %)" for other in others)]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    sys.exit(main())
