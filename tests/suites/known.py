"""Tests that end otherwise through the proxy, and which of them are known to."""

import dataclasses
import re

from clients.suite import Outcome

ABSENT = Outcome("absent")


@dataclasses.dataclass
class Report:
    """Both runs of a suite: outcomes by test."""

    suite: str
    direct: dict[str, Outcome]
    proxy: dict[str, Outcome]
    seconds: int

    def differing(self):
        """The tests of different outcomes, in the order of the runs."""
        tests = dict.fromkeys([*self.direct, *self.proxy])
        both = {test: (self.direct.get(test, ABSENT), self.proxy.get(test, ABSENT)) for test in tests}
        return {test: pair for test, pair in both.items() if pair[0].kind != pair[1].kind}


@dataclasses.dataclass(frozen=True)
class Known:
    """Why a test may differ, and whether it does in every run."""

    reason: str
    always: bool


LISTED = re.compile(r"(?P<suite>\S+) (?P<test>.+?)(?P<sometimes> \(sometimes\))? # (?P<reason>\S.*)")


def read(path):
    """The tests that may differ: `suite test # reason`, or `suite test (sometimes) # reason` a line."""
    listed = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = LISTED.fullmatch(line)
        if not match or (match["suite"], match["test"]) in listed:
            raise ValueError(f"{path.name}:{number}: not `suite test # reason`, or a second line of that test")
        listed[match["suite"], match["test"]] = Known(match["reason"], not match["sometimes"])
    return listed


@dataclasses.dataclass
class Judgement:
    """What differs with its reason, if it is known; what is new; what is listed and does not differ."""

    reasons: dict[str, str | None]
    new: list[str]
    gone: list[str]


def judge(report, listed):
    differing = report.differing()
    of_suite = {test: entry for (suite, test), entry in listed.items() if suite == report.suite}
    reasons = {test: of_suite[test].reason if test in of_suite else None for test in differing}
    new = [test for test in differing if test not in of_suite]
    gone = [test for test, entry in of_suite.items() if entry.always and test not in differing]
    return Judgement(reasons, new, gone)


def counts(report):
    return {side: len(outcomes) for side, outcomes in (("direct", report.direct), ("proxy", report.proxy))}


def as_json(report, judgement):
    differing = [
        {
            "test": test,
            "reason": judgement.reasons[test],
            "direct": dataclasses.asdict(direct),
            "proxy": dataclasses.asdict(proxy),
        }
        for test, (direct, proxy) in report.differing().items()
    ]
    return {
        "suite": report.suite,
        "tests": counts(report),
        "seconds": report.seconds,
        "differing": differing,
        "new": judgement.new,
        "gone": judgement.gone,
    }


def as_text(report, judgement):
    """The lines of a report."""
    lines = []
    for test, (direct, proxy) in report.differing().items():
        lines.append(f"\n{test}: {judgement.reasons[test] or 'NOT KNOWN TO DIFFER'}")
        for side, outcome in (("direct", direct), ("proxy", proxy)):
            lines.append(f"    {side}: {outcome.kind}")
            lines.extend(f"        {line}" for line in outcome.message.splitlines()[:6])
    passed = sum(outcome.kind == "passed" for outcome in report.direct.values())
    lines.append(
        f"\n{report.suite}: {len(report.differing())} of {len(report.direct)} tests differ, "
        f"{passed} pass directly ({report.seconds} s)"
    )
    lines.extend(f"differs, and is not in drivers-known.txt: {test}" for test in judgement.new)
    lines.extend(f"is in drivers-known.txt, and does not differ: {test}" for test in judgement.gone)
    return lines
