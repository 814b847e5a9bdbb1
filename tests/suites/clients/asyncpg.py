"""asyncpg: the source distribution holds the tests, the wheel of the same version the driver."""

import shutil
import tarfile

from clients import suite

NEEDS_SOURCE = None
# Of the source code itself.
IGNORED = "tests/test__sourcecode.py"


def prepare(cache, checkout, _programs, _port):
    """The tests in a folder without the driver's source, which is not compiled."""
    python = suite.environment(cache / "venv", "asyncpg", "distro", "pytest", "pytest-timeout")
    folder = suite.fresh(cache / "suite")
    shutil.copytree((checkout or distribution(cache, python)) / "tests", folder / "tests")

    def run(place):
        options = ["tests", f"--ignore={IGNORED}", "--timeout=60"]
        return suite.pytest(python, folder, place, options, place.server())

    return run


def distribution(cache, python):
    """The source distribution of the version that is installed, unpacked."""
    version = suite.tool(python, "-c", "import asyncpg; print(asyncpg.__version__)").strip()
    folder = cache / f"asyncpg-{version}"
    if not folder.exists():
        wanted = ("--no-deps", "--no-binary", "asyncpg", f"asyncpg=={version}")
        suite.tool(python, "-m", "pip", "download", "-q", "-d", cache, *wanted)
        with tarfile.open(cache / f"asyncpg-{version}.tar.gz") as tar:
            tar.extractall(cache, filter="data")
    return folder
