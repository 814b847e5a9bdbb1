"""libpq_pipeline, PostgreSQL's test of libpq's pipeline mode: from Debian's source package, as its TAP test runs it."""

import pathlib
import shutil

import source
from clients import suite
from clients.suite import Outcome

NEEDS_SOURCE = None
FOLDER = pathlib.PurePosixPath("src/test/modules/libpq_pipeline")
ROWS = "700"


def prepare(cache, checkout, programs, _port):
    """The program, linked with the installed libpq."""
    if not shutil.which("cc"):
        raise source.Missing("no C compiler: `apt-get install gcc libc6-dev`")
    version = source.major(programs)
    folder = checkout / FOLDER if checkout else source.suite(cache.parent, version, FOLDER)
    include = source.headers(cache.parent, programs, version)
    program = cache / "libpq_pipeline"
    # The package of the headers holds these two as well.
    archives = include.parents[3] / f"lib/postgresql/{version}/lib"
    flags = ("-O1", "-w", f"-I{include}", "-I/usr/include/postgresql", f"-L{archives}")
    libraries = ("-lpq", "-lpgcommon", "-lpgport", "-lm")
    suite.tool("cc", *flags, folder / "libpq_pipeline.c", "-o", program, *libraries)

    def run(place):
        found = {}
        for test in suite.tool(program, "tests").split():
            found |= run_one(program, folder, test, place)
        return found

    return run


def run_one(program, folder, test, place):
    """A test, and what libpq saw on the wire where the suite holds a trace of that."""
    trace = place.scratch / f"{test}.trace"
    expected = folder / "traces" / trace.name
    command = [program, "-r", ROWS, *(("-t", trace) if expected.exists() else ()), test]
    done = suite.ended([*command, f"dbname={place.database}"], place)
    found = {test: done}
    if expected.exists():
        same = trace.exists() and trace.read_bytes() == expected.read_bytes()
        found[f"{test} trace"] = Outcome("passed" if same else "failed")
    return found
