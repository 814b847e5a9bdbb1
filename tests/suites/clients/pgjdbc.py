"""pgjdbc: Debian's package is the driver, a checkout of its version holds the tests."""

import itertools
import pathlib
import subprocess
import xml.etree.ElementTree

import source
from clients import suite
from clients.suite import Outcome

NEEDS_SOURCE = "a checkout of pgjdbc, of the version of Debian's libpostgresql-jdbc-java"
JARS = pathlib.Path("/usr/share/java")
PACKAGES = ("default-jdk-headless", "junit4", "junit5", "libchecker-framework-java", "libpostgresql-jdbc-java")
CLASSES = ("postgresql", "junit4", "junit-platform-console-standalone", "junit-jupiter-api", "junit-jupiter-params")
MORE = ("junit-jupiter-engine", "junit-vintage-engine", "hamcrest", "opentest4j", "apiguardian-api", "checker-qual")
# Of what the tests need, Debian has no package of these.
WITHOUT = ("import org.osgi.", "import se.jiderhamn.", "import static uk.org.webcompere.", "import uk.org.webcompere.")


def prepare(cache, checkout, _programs, _port):
    """The compiled tests."""
    jars = [JARS / f"{name}.jar" for name in (*CLASSES, *MORE)]
    if not all(jar.exists() for jar in jars):
        raise source.Missing(f"packages are missing: apt-get install {' '.join(PACKAGES)}")
    tests = checkout / "pgjdbc/src/test"
    files = [path for path in sorted(tests.glob("java/**/*.java")) if usable(path)]
    compiled = suite.fresh(cache / "classes")
    (cache / "files").write_text("\n".join(map(str, files)))
    path = ":".join(map(str, [compiled, tests / "resources", *jars]))
    options = ("-nowarn", "-proc:none", "-encoding", "UTF-8", "-d", compiled, "-cp", path)
    suite.tool("javac", *options, f"@{cache / 'files'}")

    def run(place):
        settings = {
            "server": place.host,
            "port": place.port,
            "database": place.database,
            "build.properties.relative.path": checkout,
            "junit.jupiter.execution.timeout.default": "60 s",
            "user.timezone": "UTC",
        }
        options = [f"-D{name}={value}" for name, value in settings.items()]
        launcher = ["org.junit.platform.console.ConsoleLauncher", f"--scan-class-path={compiled}"]
        with open(place.scratch / "junit.log", "wb") as log:
            subprocess.run(
                ["java", "-Xmx1g", *options, "-cp", path, *launcher, f"--reports-dir={place.scratch}"],
                cwd=checkout / "pgjdbc",
                env=place.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        found = {}
        for report in sorted(place.scratch.glob("TEST-*.xml")):
            for test, outcome in outcomes(report):
                same = itertools.count(2)
                name = test
                while name in found:
                    name = f"{test} ({next(same)})"
                found[name] = outcome
        return found

    return run


def usable(path):
    """Whether a file can be compiled with what is there, and is of use.

    A suite of other classes would run them twice; replication is refused on purpose, and pgjdbc can leave it out too.
    """
    text = path.read_text()
    compiles = not any(word in text for word in WITHOUT)
    return compiles and not path.name.endswith("Suite.java") and path.parent.name != "replication"


def outcomes(report):
    """The tests of one report of JUnit's."""
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        test = f"{case.get('classname')}.{case.get('name')}"
        ends = [(end.tag, end) for end in case if end.tag in ("failure", "error", "skipped")]
        tag, end = ends[0] if ends else ("passed", None)
        yield test, Outcome(tag, "" if end is None else (end.get("message") or end.text or "")[:600])
