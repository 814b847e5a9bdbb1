"""What is measured and with what: the proxy of this work tree, and of PostgreSQL's source the suites that it holds.

Nothing of it is checked in, and apt's own lists and configuration are left alone: what is fetched goes to a folder of
ours.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SUITE = pathlib.PurePosixPath("src/test/regress")
SOURCES = "".join(
    f"{kind} http://deb.debian.org/{archive} main\n"
    for kind in ("deb", "deb-src")
    for archive in ("debian {release}", "debian-security {release}-security")
)


class Missing(Exception):
    """Something that must be installed or named; the text says what."""


def build():
    """The proxy of this work tree."""
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "-p", "pgseal-proxy", "--message-format=json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Missing("the proxy does not build; name one with --pgseal")
    built = (json.loads(line) for line in done.stdout.splitlines())
    return next(message["executable"] for message in built if message.get("executable"))


def bindir():
    """Where the newest installed server has its programs."""
    found = [path for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if not found:
        raise Missing("no PostgreSQL server under /usr/lib/postgresql; `apt-get install postgresql`, or --bindir DIR")
    return max(found, key=lambda path: int(path.parent.name))


def major(programs):
    """The major version of the server in this folder."""
    text = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(text.split()[2].split(".")[0].rstrip("develbtarc"))


class Apt:
    """apt-get with sources and lists of its own."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (folder / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        sources = folder / "sources.list"
        sources.write_text(SOURCES.format(release=debian_release()))
        self.options = [
            *("-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"),
            *("-o", f"Dir::State::lists={folder / 'lists'}", "-o", f"Dir::Cache={folder}"),
            *("-o", "APT::Sandbox::User=root"),
        ]

        updated = self.run("apt-get", "-q", "update")
        if updated.returncode != 0:
            raise Missing(f"apt-get update failed: {updated.stderr.strip()}")

    def run(self, program, *arguments):
        command = [program, *self.options, *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True)

    def binary(self, package):
        """The package's file."""
        fetched = self.run("apt-get", "-q", "download", package)
        files = sorted(self.folder.glob(f"{package}_*.deb"))
        if not files:
            raise Missing(f"{package} could not be fetched: {fetched.stderr.strip()}")
        return files[-1]

    def source(self, package):
        """The package's upstream archive, of the newest version that the archive still has."""
        shown = self.run("apt-cache", "showsrc", package).stdout.splitlines()
        versions = {line.split()[1] for line in shown if line.startswith("Version:")}
        for version in sorted(versions, key=version_key, reverse=True):
            if self.run("apt-get", "-q", "--download-only", "source", f"{package}={version}").returncode == 0:
                upstream = version.rsplit("-", 1)[0]
                return next(self.folder.glob(f"{package}_{upstream}.orig.tar.*"))
        offered = ", ".join(versions) or "nothing"
        raise Missing(f"the archive offers {offered} of {package}, and none could be fetched; --source DIR")


def version_key(version):
    """Orders the versions of one stable release, which are numbers between signs."""
    return [int(part) for part in "".join(c if c.isdigit() else " " for c in version).split()]


def debian_release():
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.split("=", 1)[1].strip('"')
    raise Missing("this is no Debian: unpack PostgreSQL's source and name it with --source DIR")


def suite(cache, version, folder=SUITE):
    """A folder of PostgreSQL's source, fetched and unpacked once."""
    found = sorted(cache.glob(f"postgresql-{version}.*/{folder}"))
    if found:
        return found[-1]
    kept = sorted((cache / "apt").glob(f"postgresql-{version}_*.orig.tar.*"))
    archive = kept[-1] if kept else Apt(cache / "apt").source(f"postgresql-{version}")
    with tarfile.open(archive) as tar:
        members = [member for member in tar if str(folder) in member.name]
        tar.extractall(cache, members, filter="data")
    return next(cache.glob(f"postgresql-{version}.*/{folder}"))


def library(cache, folder, programs, version, target):
    """Builds regress.so and puts the two modules beside it that the suite takes from contrib/spi."""
    if not shutil.which("cc"):
        raise Missing("no C compiler: `apt-get install gcc libc6-dev`")
    include = headers(cache, programs, version)
    flags = ["-shared", "-fPIC", "-O1", "-w", f"-I{include}", "-I/usr/include/postgresql"]
    command = ["cc", *flags, folder / "regress.c", "-o", target / "regress.so"]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode != 0:
        raise Missing(f"regress.c does not compile: {built.stderr.strip().splitlines()[0]}")
    asked = subprocess.run([programs / "pg_config", "--pkglibdir"], capture_output=True, text=True, check=True)
    for module in ("refint.so", "autoinc.so"):
        shutil.copy(pathlib.Path(asked.stdout.strip()) / module, target)


def headers(cache, programs, version):
    """The server's headers: those installed, else Debian's package, unpacked beside the suite."""
    asked = subprocess.run([programs / "pg_config", "--includedir-server"], capture_output=True, text=True)
    installed = pathlib.Path(asked.stdout.strip() or f"/usr/include/postgresql/{version}/server")
    if (installed / "postgres.h").exists():
        return installed
    unpacked = cache / "dev" / f"usr/include/postgresql/{version}/server"
    if not (unpacked / "postgres.h").exists():
        package = Apt(cache / "apt").binary(f"postgresql-server-dev-{version}")
        subprocess.run(["dpkg", "-x", package, cache / "dev"], check=True)
    return unpacked
