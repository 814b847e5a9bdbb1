"""What differs between the result files of two runs, and what is known to."""

import dataclasses
import difflib
import re

# Lines that say what the proxy did; what follows from it, like a table that is not there, stands behind them.
MESSAGE = re.compile(r"^(?:psql:\S+ )?(ERROR|FATAL|WARNING):  (.*)$")
SHOWN = 12


@dataclasses.dataclass
class Difference:
    """One result file of which the two runs hold different texts."""

    file: str
    lines: list[str]
    messages: list[str]

    def first(self):
        """The first hunk of the difference, cut."""
        hunk = []
        for line in self.lines[2:]:
            if line.startswith("@@") and hunk:
                break
            hunk.append(line)
        return hunk[:SHOWN]


def compare(names, direct, proxy, hidden):
    """The differences of the files, in the order of the schedule. What is `hidden` may differ: ports, folders."""
    found = []
    for name in names:
        texts = [normal(folder / f"{name}.out", hidden) for folder in (direct, proxy)]
        if texts[0] != texts[1]:
            lines = list(difflib.unified_diff(*texts, "direct", "proxy", n=3, lineterm=""))
            found.append(Difference(name, lines, messages(lines)))
    return found


def normal(path, hidden):
    if not path.exists():
        return ["(no result)"]
    text = path.read_bytes().decode("utf-8", "backslashreplace")
    for word in hidden:
        text = text.replace(word, "…")
    return text.split("\n")


def messages(lines):
    """Errors that the proxy's run has and the direct one has not, each once."""
    direct = {line[1:] for line in lines if line.startswith("-")}
    added = (line[1:] for line in lines[2:] if line.startswith("+"))
    found = (match[2] for match in map(MESSAGE.match, (line for line in added if line not in direct)) if match)
    return list(dict.fromkeys(found))


@dataclasses.dataclass
class Known:
    """Why a file may differ, and whether it does in every run."""

    reason: str
    always: bool


LISTED = re.compile(r"(?P<file>\S+?)(?P<sometimes> \(sometimes\))?: (?P<reason>\S.*)")


def known(path):
    """The files that may differ: `file: reason` or `file (sometimes): reason` a line."""
    listed = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = LISTED.fullmatch(line)
        if not match or match["file"] in listed:
            raise ValueError(f"{path.name}:{number}: not `file: reason`, or a second line of that file")
        listed[match["file"]] = Known(match["reason"], not match["sometimes"])
    return listed
