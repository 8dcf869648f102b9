"""Every command that writes, killed at random moments and started again, leaves what it leaves without a kill."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lab.files import ROOT

LOCAL = {"seconds", "wall_seconds", "sha256", "files"}  #: of a JSON, what measured times change
TRAIN = "train", "--task", "wall", "--preset", "smoke", "--method"
COMMANDS = {
    "collect": ("collect", "--task", "point_maze", "--episodes", "40"),
    "base": (*TRAIN, "base"),  # data and encoder as well
    "control": (*TRAIN, "control"),
    "online": (*TRAIN, "online"),
    "adversarial": (*TRAIN, "adversarial"),
    "initialisation": (*TRAIN, "initialisation"),
    "plan": ("plan", "--task", "wall", "--preset", "smoke", "--problems", "2", "--out", "OUT/strip.png"),
    "export": ("app", "export", "OUT/site"),
    "sign": ("verify", "--sign", "OUT"),  # reproduce, and with it course, is killed in test_reproduce
}


def start(command: tuple[str, ...], folder: Path) -> subprocess.Popen:
    """The command, with a cache and results of its own below ``folder``."""
    words = [word.replace("OUT", str(folder / "out")) for word in command]
    environment = os.environ | {"LAB_CACHE": str(folder / "cache")}
    return subprocess.Popen(
        [sys.executable, "-m", "lab", *words], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, encoding="utf-8",
    )  # fmt: skip


def finish(command: tuple[str, ...], folder: Path) -> float:
    """Run it to its end, unless its output is there already; returns its seconds."""
    started, process = time.perf_counter(), start(command, folder)
    text, _ = process.communicate()
    assert process.returncode == 0 or "exists already" in text, text
    return time.perf_counter() - started


def left(folder: Path) -> dict[str, bytes | str]:
    """All that is in ``folder``, without measured times, locks, and hashes of files by their place."""
    found: dict[str, bytes | str] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if not {"locks", "hashes"} & set(path.parts):
            found[name] = _timeless(path) if path.suffix == ".json" else path.read_bytes()
    return found


def _timeless(path: Path) -> str:
    content = json.loads(path.read_text("utf-8"))
    kept = (
        {name: value for name, value in content.items() if name not in LOCAL} if isinstance(content, dict) else content
    )
    return json.dumps(kept)


def kill(process: subprocess.Popen) -> None:
    """``kill -9``; all that it has started ends by itself."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not psutil.wait_procs(family, timeout=30)[1]


def unsigned(folder: Path) -> None:
    """Trained models below ``folder``'s ``out`` that name no SHA-256, as version 0.1 left them."""
    finish(COMMANDS["base"], folder)
    trained = next(folder.glob("cache/models*/wall"))
    for number in range(8):
        copy = shutil.copytree(trained, folder / "out" / str(number) / "wall")
        for manifest in copy.rglob("model.json"):
            content = json.loads(manifest.read_text("utf-8"))
            del content["sha256"]
            manifest.write_text(json.dumps(content), "utf-8")


def check_kills(name: str, kills: int, folder: Path) -> int:
    """Kill the command ``kills`` times; returns how often it was done before."""
    command, rng, done = COMMANDS[name], random.Random(name), 0
    before = folder / "before"
    before.mkdir()
    if command[0] == "plan" or name in ("control", "online", "adversarial", "initialisation"):
        finish(COMMANDS["base"], before)
    if name == "sign":
        unsigned(before)
    for copy in ("whole", "killed"):
        shutil.copytree(before, folder / copy)
    duration = finish(command, folder / "whole")
    expected = left(folder / "whole")
    while kills:
        process = start(command, folder / "killed")
        try:
            process.wait(rng.uniform(0, duration))
        except subprocess.TimeoutExpired:
            kill(process)
            kills -= 1
        else:
            process.communicate()
            done += 1
            assert left(folder / "killed") == expected
            shutil.rmtree(folder / "killed")
            shutil.copytree(before, folder / "killed")
    finish(command, folder / "killed")
    found = left(folder / "killed")
    assert [path for path in sorted({*found, *expected}) if found.get(path) != expected.get(path)] == []
    return done


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_thirteen_kills_of_a_command(name, tmp_path, capsys):
    done = check_kills(name, 13, tmp_path)
    with capsys.disabled():
        print(f"\n{name}: 13 kills, {done} times done before; the same files")
