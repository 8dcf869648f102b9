"""What README.md promises can be typed."""

import re
import shlex

import pytest

from lab.cli import build_parser
from lab.files import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.split("#")[0].split("; done")[0]
    for line in README.splitlines()
    if "python -m lab " in line and "`" not in line
]


def test_the_two_commands_are_single_lines():
    first, second = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert first.endswith("python -m lab reproduce --preset quick") and second.endswith("python -m pytest")
    pattern = re.search(r"grep -E '(.*)' README\.md", (ROOT / ".ci" / "run").read_text())[1]
    assert re.findall(pattern, README, re.MULTILINE) == [second]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one(line):
    words = shlex.split(line[line.index("python -m lab ") :])[3:]
    words = [{"$task": "wall", "$method": "base", "$seed": "0"}.get(word, word) for word in words]
    if words != ["--help"]:
        assert build_parser().parse_args(words).run


def test_every_requirement_is_pinned():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    first, *pins = (line for line in lines if not line.startswith("#"))
    assert first == "-e ." and "torch==2.13.0" in pins
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in pins)


def test_the_results_are_the_committed_ones():
    from lab.repro.readme import section

    assert section() in README, "run python -m lab.repro.readme"
