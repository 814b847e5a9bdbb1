#!/usr/bin/env python3
"""PostgreSQL's regression suite directly and through `pgseal serve`, in a database that has a sealed table.

    tests/suites/regress.py [--pgseal PROGRAM] [--source DIR] [--output json]

Compares the result files of the two runs: a file that differs must stand in regress-known.txt with its reason, and one
that stands there must differ. Exit code 0 if so, 1 if not, 2 if it could not be found out. Needs Python 3.11, a
PostgreSQL server of Debian's packages, a C compiler, and apt-get for the suite and the server's headers.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import results
import servers
import source

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TIMEOUT = 300
PORTS = {"direct": 5001, "proxy": 5002}
PROXY_PORT = 6001


def main():
    options = arguments()
    return servers.command("regress", lambda home: measure(options, home))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = pathlib.Path
    parser.add_argument("--pgseal", type=path, help="the proxy (default: built with cargo, release profile)")
    parser.add_argument("--source", type=path, help="PostgreSQL's source (default: Debian's source package)")
    parser.add_argument("--bindir", type=path, help="the server's programs (default: the newest of Debian's)")
    parser.add_argument("--cache", type=path, default=target / "suites", help="where the source package is kept")
    parser.add_argument("--results", type=path, default=target / "suites/results", help="where results and diffs go")
    parser.add_argument("--only", action="append", metavar="FILE", help="these files, behind test_setup")
    parser.add_argument("--control", action="store_true", help="both runs directly: nothing may differ")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    return parser.parse_args()


def measure(options, home):
    start = time.monotonic()
    programs = options.bindir or source.bindir()
    version = source.major(programs)
    options.cache.mkdir(parents=True, exist_ok=True)
    if options.source:
        suite = options.source / source.SUITE
    else:
        suite = source.suite(options.cache, version)
    shutil.copytree(suite, home / "suite")
    (home / "lib").mkdir()
    source.library(options.cache, suite, programs, version, home / "lib")
    pgseal = home / "pgseal"
    shutil.copy(options.pgseal or source.build(), pgseal)
    names = schedule(suite / "parallel_schedule")
    if options.only:
        names = [name for name in names if name == "test_setup" or name in options.only]
    with servers.Servers(programs, home) as started:
        prepare(started, pgseal)
        ports = PORTS | ({} if options.control else {"proxy": PROXY_PORT})
        pool = concurrent.futures.ThreadPoolExecutor()
        try:
            for run in [pool.submit(run_files, started, names, side, port) for side, port in ports.items()]:
                run.result()
        finally:
            # Interrupted, they find no server any more.
            pool.shutdown(wait=False, cancel_futures=True)
        alive(started, options.control)
    hidden = [str(home / side) for side in PORTS] + [str(port) for port in ports.values()]
    found = results.compare(names, home / "direct/results", home / "proxy/results", hidden)
    keep(options.results, home, found)
    return report(options, found, names, suite.parents[2].name, time.monotonic() - start)


def schedule(path):
    """The files in the order in which they are run: groups that may run in parallel, one after the other."""
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return [name for key, _, names in lines if key == "test" for name in names.split()]


def prepare(started, pgseal):
    """One cluster with the sealed table and a row in it, then a copy for each run: same bytes, same OIDs."""
    home = started.home
    schema = home / "sealed.toml"
    shutil.copy(HERE / "regress-sealed.toml", schema)
    shutil.copy(HERE / "regress-sealed.sql", home)
    (home / "state").mkdir(mode=0o700)
    started.user.own(home)
    started.initdb(home / "cluster")
    port = PORTS["direct"]
    cluster = started.cluster(home / "cluster", port)
    started.create_database(port)
    started.psql(port, "-f", home / "regress-sealed.sql")
    started.run(
        *(pgseal, "schema", "apply", "--create-keys", "--schema", schema),
        *("--state-dir", home / "state", "--database", started.url(port)),
    )
    proxy = started.proxy((pgseal,), schema, port, PROXY_PORT, "pgseal")
    started.psql(PROXY_PORT, "-c", "INSERT INTO sealed_account VALUES (1, 'ada@example.org', 'Berlin', 12.50, 'tea')")
    started.stop(proxy)
    started.stop(cluster)
    for side, port in PORTS.items():
        (home / side / "results").mkdir(parents=True)
        started.user.own(home / side)
        started.copy(home / "cluster", home / side / "cluster")
        started.cluster(home / side / "cluster", port)
    started.proxy((pgseal,), schema, PORTS["proxy"], PROXY_PORT, "pgseal")


def run_files(started, names, side, port):
    """Every file of the suite in psql, as pg_regress starts it."""
    folder = started.home / side
    environment = servers.environment() | {
        "PGHOST": str(started.home),
        "PGPORT": str(port),
        "PGUSER": "postgres",
        "PGTZ": "America/Los_Angeles",
        "PGDATESTYLE": "Postgres, MDY",
        "PGOPTIONS": "-c intervalstyle=postgres_verbose",
        "PG_ABS_SRCDIR": str(started.home / "suite"),
        "PG_ABS_BUILDDIR": str(folder),
        "PG_LIBDIR": str(started.home / "lib"),
        "PG_DLSUFFIX": ".so",
    }
    fixed = ["-X", "-a", "-q", "-d", servers.DATABASE, "-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on"]
    for name in names:
        with (
            open(started.home / "suite/sql" / f"{name}.sql", "rb") as text,
            open(folder / "results" / f"{name}.out", "wb") as out,
        ):
            process = subprocess.Popen(
                [started.programs / "psql", *fixed],
                cwd=folder,
                env=environment | {"PGAPPNAME": f"pg_regress/{name}"},
                stdin=text,
                stdout=out,
                stderr=subprocess.STDOUT,
                **started.user.options(),
            )
            try:
                process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                out.write(f"FATAL:  no end within {TIMEOUT} s\n".encode())


def alive(started, control):
    """After the suite the proxy still opens the row that was sealed before it."""
    if control:
        return
    row = started.psql(PROXY_PORT, "-c", "SELECT email, balance FROM sealed_account WHERE email = 'ada@example.org'")
    if row != "ada@example.org|12.50\n":
        raise servers.Failed("after the suite the sealed row is not what it was")


def keep(folder, home, found):
    """Result files, diffs and logs, for who wants to know more."""
    shutil.rmtree(folder, ignore_errors=True)
    for side in PORTS:
        shutil.copytree(home / side / "results", folder / side)
    for difference in found:
        (folder / f"{difference.file}.diff").write_text("\n".join(difference.lines) + "\n")
    for log in home.glob("*.log"):
        shutil.copy(log, folder)


def report(options, found, names, suite, seconds):
    listed = {} if options.control else results.known(HERE / "regress-known.txt")
    differing = {difference.file for difference in found}
    new = [difference.file for difference in found if difference.file not in listed]
    always = [file for file, known in listed.items() if known.always and (file in names or not options.only)]
    gone = [file for file in always if file not in differing]
    if options.output == "json":
        print(
            json.dumps(
                {
                    "suite": suite,
                    "files": len(names),
                    "seconds": round(seconds),
                    "differing": [
                        {
                            "file": difference.file,
                            "reason": listed[difference.file].reason if difference.file in listed else None,
                            "first": difference.first(),
                            "messages": difference.messages,
                        }
                        for difference in found
                    ],
                    "new": new,
                    "gone": gone,
                },
                indent=1,
                ensure_ascii=False,
            )
        )
    else:
        for difference in found:
            reason = listed[difference.file].reason if difference.file in listed else "NOT KNOWN TO DIFFER"
            print(f"\n{difference.file}: {reason}")
            for line in difference.first():
                print(f"    {line}")
            for message in difference.messages:
                print(f"  * {message}")
        count = f"{len(found)} of {len(names)} result files differ"
        print(f"\n{count} ({suite}, {seconds:.0f} s); diffs: {options.results}")
        for file in new:
            print(f"differs, and is not in regress-known.txt: {file}")
        for file in gone:
            print(f"is in regress-known.txt, and does not differ: {file}")
    return 1 if new or gone else 0


if __name__ == "__main__":
    sys.exit(main())
