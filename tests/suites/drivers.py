#!/usr/bin/env python3
"""The test suites of PostgreSQL's clients directly and through `pgseal serve`, in a database that has a sealed table.

    tests/suites/drivers.py [NAME …] [--pgseal PROGRAM] [--source NAME=DIR] [--control] [--output json]

A test that ends otherwise must stand in drivers-known.txt with its reason, and one that stands there must do so. Exit
code 0 if so, 1 if not, 2 if it could not be found out. Needs Python 3.11, a PostgreSQL server of Debian's packages, and
what the suites themselves need.
"""

import argparse
import importlib
import json
import os
import pathlib
import shutil
import sys
import time

import known
import servers
import source
from clients import suite

HERE = pathlib.Path(__file__).resolve().parent
SUITES = ("psycopg", "asyncpg", "node_postgres", "rust_postgres", "libpq_pipeline", "pgjdbc")
ADDRESS = "127.0.0.1"
DATABASE = "postgres"
# What an operator says who has such clients: databases that they make, and a way to log in that we advise against.
SERVED = ("--pass-databases=testdb,asyncpg_intro_test,template1", "--allow-cleartext-password=true")
# Stands among the tests of every suite.
LOG = "no panic in the proxy's log"
SETTINGS = {"max_connections": "200", "max_prepared_transactions": "64", "wal_level": "logical"}


def main():
    options = arguments()
    return servers.command("drivers", lambda home: measure(options, home))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", source.ROOT / "target"))
    path = pathlib.Path
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"these suites of {', '.join(SUITES)}")
    parser.add_argument("--pgseal", type=path, help="the proxy (default: built with cargo, release profile)")
    parser.add_argument("--source", action="append", default=[], metavar="NAME=DIR", help="a suite's checkout")
    parser.add_argument("--bindir", type=path, help="the server's programs (default: the newest of Debian's)")
    parser.add_argument("--cache", type=path, default=target / "suites", help="where sources and drivers are kept")
    parser.add_argument("--results", type=path, default=target / "suites/results", help="where results and logs go")
    parser.add_argument("--port", type=int, default=5433, help="where suites find their server; the next is taken too")
    parser.add_argument("--control", action="store_true", help="both runs directly: nothing may differ")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    options = parser.parse_args()
    pairs = [text.partition("=") for text in options.source]
    options.source = {name: path(folder).resolve() for name, _, folder in pairs}
    for name in [*options.names, *options.source]:
        if name not in SUITES:
            parser.error(f"{name} is none of {', '.join(SUITES)}")
    return options


def measure(options, home):
    """Runs the suites, and says of each what differs as soon as it is known."""
    programs = options.bindir or source.bindir()
    listed = {} if options.control else known.read(HERE / "drivers-known.txt")
    clients = list(wanted(options))
    pgseal = home / "pgseal"
    shutil.copy(options.pgseal or source.build(), pgseal)
    judged = []
    with servers.Servers(programs, home, ADDRESS, DATABASE) as started:
        prepare(started, pgseal, options.port)
        for name, client in clients:
            report = run(started, options, pgseal, name, client)
            judged.append((report, known.judge(report, listed)))
            if options.output == "text":
                print("\n".join(known.as_text(*judged[-1])), flush=True)
    if options.output == "json":
        print(json.dumps([known.as_json(*pair) for pair in judged], indent=1, ensure_ascii=False))
    return 1 if any(judgement.new or judgement.gone for _, judgement in judged) else 0


def wanted(options):
    """The suites that were named, else all that can be had."""
    for name in options.names or SUITES:
        client = importlib.import_module(f"clients.{name}")
        if client.NEEDS_SOURCE and name not in options.source:
            missing = f"{name} is in no registry: --source {name}=DIR, {client.NEEDS_SOURCE}"
            if options.names:
                raise source.Missing(missing)
            print(f"left out: {missing}", file=sys.stderr)
            continue
        yield name, client


def prepare(started, pgseal, port):
    """One cluster with what the suites want and a sealed table with a row in it, from which every run takes a copy."""
    home = started.home
    for name in ("regress-sealed.toml", "regress-sealed.sql", "drivers.sql"):
        shutil.copy(HERE / name, home)
    (home / "state").mkdir(mode=0o700)
    started.user.own(home)
    started.initdb(home / "cluster")
    cluster = started.cluster(home / "cluster", port + 1, SETTINGS)
    started.psql(port + 1, "-f", home / "drivers.sql")
    started.psql(port + 1, "-f", home / "regress-sealed.sql")
    schema = home / "regress-sealed.toml"
    started.run(
        *(pgseal, "schema", "apply", "--create-keys", "--schema", schema),
        *("--state-dir", home / "state", "--database", started.url(port + 1)),
    )
    proxy = started.proxy((pgseal,), schema, port + 1, port, "pgseal")
    started.psql(port, "-c", "INSERT INTO sealed_account VALUES (1, 'ada@example.org', 'Berlin', 12.50, 'tea')")
    started.stop(proxy)
    started.stop(cluster)
    shutil.copy(HERE / "drivers-hba.conf", home / "cluster/pg_hba.conf")


def run(started, options, pgseal, name, client):
    """Both runs of a suite, one after the other and at the same port: a port is part of many results."""
    start = time.monotonic()
    cache = options.cache / name.replace("_", "-")
    cache.mkdir(parents=True, exist_ok=True)
    run_at = client.prepare(cache, options.source.get(name), started.programs, options.port)
    results = suite.fresh(options.results / name)
    sides = []
    for side in ("direct", "control" if options.control else "proxy"):
        cluster = started.home / f"{name}-{side}"
        started.copy(started.home / "cluster", cluster)
        place = suite.Place(ADDRESS, options.port, "postgres", DATABASE, suite.fresh(results / side))
        running = [started.cluster(cluster, options.port + (side == "proxy"), SETTINGS)]
        if side == "proxy":
            schema = started.home / "regress-sealed.toml"
            running.append(started.proxy((pgseal,), schema, options.port + 1, options.port, f"{name}-pgseal", *SERVED))
        sides.append(run_at(place))
        if side == "proxy":
            alive(started, options.port)
        for process in reversed(running):
            started.stop(process)
        sides[-1][LOG] = sound(started.home / f"{name}-pgseal.log")
        shutil.rmtree(cluster)
        for log in started.home.glob(f"{name}-*.log"):
            shutil.move(log, results / log.name)
    return known.Report(name, *sides, round(time.monotonic() - start))


def sound(log):
    """Whether no session ended by an error of the proxy's own, which a suite may not notice."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    panics = sorted({line.partition("panicked ")[2] for line in lines if "panicked " in line})
    return suite.Outcome("failed", "\n".join(panics)) if panics else suite.Outcome("passed")


def alive(started, port):
    """After the suite the proxy still opens the row that was sealed before it."""
    row = started.psql(port, "-c", "SELECT email, balance FROM sealed_account WHERE email = 'ada@example.org'")
    if row != "ada@example.org|12.50\n":
        raise servers.Failed("after the suite the sealed row is not what it was")


if __name__ == "__main__":
    sys.exit(main())
