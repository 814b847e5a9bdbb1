"""pytest: one line a test with its outcome, written when it is known."""

import json
import os

found = {}


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        kind = report.outcome if report.when == "call" or report.outcome == "skipped" else "error"
        found[report.nodeid] = (kind, message(report))
    if report.when == "teardown":
        kind, text = found.pop(report.nodeid, ("passed", ""))
        with open(os.environ["OUTCOMES"], "a") as out:
            out.write(json.dumps([report.nodeid, kind, text]) + "\n")


def message(report):
    if report.outcome != "failed":
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash else str(report.longrepr)).strip()[:600]
