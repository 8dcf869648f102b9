"""Lint, layout and types of the project itself, by the settings in pyproject.toml."""

import subprocess
import sys

import pytest

from lab.files import ROOT


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_there_is_nothing_to_complain_about(command):
    done = subprocess.run([sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
