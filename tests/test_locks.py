"""Two at once: one makes a thing, the others wait for it, and all end with what one alone would have made."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from lab.errors import LabError
from lab.files import cache_root, replacing
from lab.locks import load_or_make, one_writer
from lab.training import train


def test_one_at_a_time_makes_it_and_all_have_it(tmp_path, empty_cache):
    path, made = tmp_path / "x", []

    def load():
        if not path.exists():
            raise LabError("nothing yet")
        return path.read_text("utf-8")

    def make():
        made.append(1)
        time.sleep(0.05)
        path.write_text("made", "utf-8")

    found = []
    threads = [threading.Thread(target=lambda: found.append(load_or_make(path, load, make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1] and found == ["made"] * 4


def test_what_cannot_be_made_is_told_and_the_next_may_try(tmp_path, empty_cache):
    def broken():
        raise LabError("never")

    for _ in range(2):
        with pytest.raises(LabError, match="never"):
            load_or_make(tmp_path / "x", broken, lambda: None)


def test_who_waits_says_for_whom_and_a_killed_writer_holds_nobody_up(tmp_path, empty_cache, monkeypatch, capsys):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom lab.locks import one_writer\n"
        f"with one_writer(Path({str(tmp_path / 'x')!r})):\n    print('in', flush=True)\n    time.sleep(600)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, encoding="utf-8")
    assert writer.stdout is not None and writer.stdout.readline() == "in\n"
    monkeypatch.setattr("lab.locks.PATIENCE", 0.01)
    threading.Timer(0.5, writer.kill).start()
    with one_writer(tmp_path / "x"):
        pass
    writer.wait()
    assert f"waiting for process {writer.pid} on " in (said := capsys.readouterr().err) and str(tmp_path / "x") in said


def test_a_lock_that_cannot_be_made_is_told_in_one_sentence(tmp_path, empty_cache):
    empty_cache.write_text("no folder", "utf-8")
    with pytest.raises(LabError, match=r"Cannot write .*lock: .* choose another folder"), one_writer(tmp_path / "x"):
        pass


def test_what_a_zombie_left_is_swept(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    child = process.pid
    while Path(f"/proc/{child}/stat").exists() and ") Z " not in Path(f"/proc/{child}/stat").read_text("utf-8"):
        time.sleep(0.01)
    with replacing(tmp_path / "x") as temporary:
        (left,) = tmp_path.iterdir()
        temporary.write_text("1", "utf-8")
    for pid in (child, os.getppid()):  # dead but not reaped; and alive, but younger or older than what it left
        stale = tmp_path / left.name.replace(f"-{os.getpid()}-", f"-{pid}-")
        stale.mkdir()
    with replacing(tmp_path / "x") as temporary:
        temporary.write_text("2", "utf-8")
    process.wait()
    assert {path.name for path in tmp_path.iterdir()} == {"x", stale.name}


def test_a_folder_that_is_replaced_is_never_gone_for_long(tmp_path):
    for content in ("old", "new"):
        with replacing(tmp_path / "set") as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["set", "new"]


# --- The whole pipeline


def race(recipe, root: Path, processes: int, method: str = "control") -> list[Path]:
    """Train one model in several processes at once; returns its folder, once for each process that succeeded."""
    fork = multiprocessing.get_context("fork")
    queue = fork.SimpleQueue()

    def run() -> None:
        torch.set_num_threads(1)
        queue.put(train("wall", method, 0, recipe, root, progress=False))

    workers = [fork.Process(target=run) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * processes
    return [queue.get() for _ in workers]


def contents(folder: Path) -> dict[str, bytes]:
    """Weights and log of a model."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".safetensors", ".jsonl")}


@pytest.mark.parametrize("rounds", [1, pytest.param(50, marks=pytest.mark.slow)])
def test_four_trainings_of_one_model_on_an_empty_cache_end_as_one_does(rounds, trained, tiny_recipe, empty_cache):
    expected = contents(trained("wall", "control"))
    for _ in range(rounds):
        shutil.rmtree(cache_root(), ignore_errors=True)
        folders = race(tiny_recipe("wall"), cache_root() / "models", 4)
        assert len(set(folders)) == 1 and contents(folders[0]) == expected
        assert not [path for path in cache_root().rglob(".*")]
