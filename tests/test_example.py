"""The example of the library's README: it runs as it stands, and says what the text around it says."""

import os
import re
import subprocess
import sys

import pytest

from lab.files import ROOT
from lab.studies.common.judge import verdict

README = (ROOT / "lab" / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_the_example_runs_and_online_world_modeling_helps(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(example.splitlines()) <= 60
    one = os.environ | {"OMP_NUM_THREADS": "1"}  # threads of a small network wait for each other on a busy machine
    done = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, env=one, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    numbers = {name: [float(number) for number in re.findall(r"[-+]?[\d.]+", rest)] for name, rest in lines}
    assert list(numbers) == ["base", "control", "online", "adversarial"]
    base, control, online, adversarial = ([judged(rest[1:4]), judged(rest[5:])] for rest in numbers.values())
    assert base == ["below", "above"], "longer training alone reaches more goals, at a smaller gap"
    assert control == ["unclear", "unclear"] and online == ["above", "unclear"]
    assert adversarial[0] != "above"
    assert not list(tmp_path.iterdir())


def judged(numbers):
    """What a difference says, from its estimate and the interval around it."""
    estimate, low, high = numbers
    assert low <= estimate <= high
    return verdict(low, high, "above", "below")
