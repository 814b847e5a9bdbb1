"""node-postgres: pg, pg-pool and pg-cursor in JavaScript. The packages hold no tests: a checkout is named."""

import json
import re
import shutil

from clients import suite
from clients.suite import Outcome

NEEDS_SOURCE = "a checkout of node-postgres"
PACKAGES = ("pg", "pg-pool", "pg-cursor")
# For another runtime, or to check types.
UNUSED = re.compile(r"@cloudflare/.*|pg-cloudflare|typescript|vitest|wrangler")
PASSED = re.compile(r"^  (?P<test>\S.*) ✔$")


def prepare(cache, checkout, _programs, _port):
    """The packages of the checkout, and what they need of the registry."""
    packages = suite.fresh(cache / "packages")
    wanted = {}
    for name in PACKAGES:
        shutil.copytree(checkout / "packages" / name, packages / name)
        described = json.loads((packages / name / "package.json").read_text())
        wanted |= described.get("dependencies", {}) | described.get("devDependencies", {})
    foreign = {name: version for name, version in wanted.items() if name not in PACKAGES and not UNUSED.fullmatch(name)}
    install = [f"{name}@{version}" for name, version in sorted(foreign.items())]
    (cache / "package.json").write_text("{}")
    suite.tool("npm", "install", "--no-save", "--no-fund", "--no-audit", "--legacy-peer-deps", *install, cwd=cache)
    for name in PACKAGES:
        place = cache / "node_modules" / name
        shutil.rmtree(place, ignore_errors=True)
        place.unlink(missing_ok=True)
        place.symlink_to(packages / name)

    def run(place):
        found = {}
        for path in sorted((packages / "pg/test/integration").glob("**/*-tests.js")):
            found |= script(path, packages / "pg", place)
        for name in PACKAGES[1:]:
            found |= mocha(cache, packages / name, place)
        return found

    return run


def script(path, package, place):
    """A file of pg is a process that ends at its first failure; what passed before, it says."""
    ended = suite.ended(["node", path], place, cwd=package)
    name = f"pg/{path.relative_to(package / 'test')}"
    passed = [match["test"] for match in map(PASSED.match, ended.message.splitlines()) if match]
    return {name: ended} | {f"{name}: {test}": Outcome("passed") for test in passed}


def mocha(cache, package, place):
    report = place.scratch / f"{package.name}.json"
    options = ["--exit", "--timeout=20000", "--reporter=json", f"--reporter-option=output={report}"]
    suite.ended(["node", cache / "node_modules/mocha/bin/mocha.js", *options], place, seconds=600, cwd=package)
    found = {}
    for test in json.loads(report.read_text())["tests"] if report.exists() else []:
        kind = "failed" if test["err"] else "passed"
        found[f"{package.name}: {test['fullTitle']}"] = Outcome(kind, test["err"].get("message", ""))
    return found
