"""The example of the library's README: it runs as it stands, and says what the text around it says."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from lab.evaluation import paired_difference
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
    base, control, online, adversarial = verdicts(done.stdout)
    assert base == ["below", "above"], "longer training alone reaches more goals, at a smaller gap"
    assert control == ["unclear", "unclear"] and online == ["above", "unclear"]
    assert adversarial[0] != "above"
    assert not list(tmp_path.iterdir())


def test_what_it_is_said_to_print_is_what_this_code_prints():
    """Up to rounding, which differs between processors; the control's line depends on nothing but the problems."""
    (printed,) = re.findall(r"```text\n(base .*?)```", README, re.DOTALL)
    base, control, online, adversarial = verdicts(printed)
    assert (base, control, online) == (["below", "above"], ["unclear", "unclear"], ["above", "unclear"])
    assert adversarial[0] != "above"
    same = np.zeros(200)
    success, gap = (paired_difference(values, values) for values in (same, same + 0.5))
    assert f" {success:+.0%};" in printed and f" {gap:+.3f}\n" in printed


def verdicts(printed):
    """What each line says of success and of the gap, beside the control's."""
    lines = [line.split(maxsplit=1) for line in printed.splitlines()]
    numbers = {name: [float(number) for number in re.findall(r"[-+]?[\d.]+", rest)] for name, rest in lines}
    assert list(numbers) == ["base", "control", "online", "adversarial"]
    return [[judged(rest[1:4]), judged(rest[5:])] for rest in numbers.values()]


def judged(numbers):
    """What a difference says, from its estimate and the interval around it."""
    estimate, low, high = numbers
    assert low <= estimate <= high
    return verdict(low, high, "above", "below")
