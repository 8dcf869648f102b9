"""The example of the library's README: it runs as it stands, and says what the text around it says."""

import os
import re
import subprocess
import sys

from lab.files import ROOT

README = (ROOT / "lab" / "README.md").read_text()


def test_the_example_runs_and_online_world_modeling_helps(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(example.splitlines()) <= 60
    one = os.environ | {"OMP_NUM_THREADS": "1"}  # threads of a small network wait for each other on a busy machine
    done = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, env=one, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    numbers = {name: [float(number) for number in re.findall(r"[-+]?[\d.]+", rest)] for name, rest in lines}
    assert list(numbers) == ["base", "control", "online", "adversarial"]
    success, gain, low, high, gap, *_ = zip(*numbers.values(), strict=True)
    assert gain[0] == 0 and all(a <= b <= c for a, b, c in zip(low, gain, high, strict=True))
    assert low[2] > 0 and gap[2] < gap[0], "online reaches more goals than the model it began with, at a smaller gap"
    assert success[2] >= success[1] and min(success) > 20
    assert not list(tmp_path.iterdir())
