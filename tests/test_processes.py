"""Work in processes of their own: how it ends, and what is said about it."""

import subprocess
import sys
import time

import psutil
import pytest

from lab.errors import LabError
from lab.repro.processes import Processes

QUICK = ("timeit", "-n", "1", "-r", "1", "pass")
LONG = ("http.server", "0", "--bind", "127.0.0.1")


@pytest.fixture
def processes():
    made = Processes(most=2)
    yield made
    for name in made.running():
        made.stop(name)
        made.wait(name, 30)


def process_of(processes, name) -> psutil.Process:
    return psutil.Process(processes._named[name]._process.pid)


def test_done(processes):
    assert processes.status("a") is None
    processes.start("a", QUICK)
    processes.wait("a", 60)
    status = processes.status("a")
    assert not status.running and not status.stopped and status.error is None
    assert "1 loop" in status.last and status.seconds == processes.status("a").seconds


def test_stop(processes):
    processes.start("a", LONG)
    processes.start("a", LONG)  # runs already
    assert processes.running() == ["a"] and processes.status("a").running
    processes.stop("a")
    processes.stop("a")
    processes.wait("a", 30)
    status = processes.status("a")
    assert not status.running and status.stopped and status.error is None


def test_only_so_many_at_a_time(processes):
    processes.start("a", LONG)
    processes.start("b", LONG)
    with pytest.raises(LabError, match="2 background runs are under way"):
        processes.start("c", QUICK)
    processes.stop("a")
    processes.wait("a", 30)
    processes.start("c", QUICK)


def test_each_owner_has_a_share():
    mine = Processes(most=3, most_each=1, niceness=5)
    try:
        mine.start("a", LONG, owner="me")
        mine.start("a", LONG, owner="you")  # runs already, and stays mine
        assert process_of(mine, "a").nice() == psutil.Process().nice() + 5
        with pytest.raises(LabError, match="1 of your runs are under way"):
            mine.start("b", LONG, owner="me")
        mine.start("b", LONG, owner="you")
        assert [mine.owner(name) for name in "abc"] == ["me", "you", None]
    finally:
        for name in mine.running():
            mine.stop(name)
            mine.wait(name, 30)


def test_none_runs_for_longer_than_it_may():
    brief = Processes(longest=0.1)
    brief.start("a", LONG)
    brief.wait("a", 30)
    assert brief.status("a").stopped


def test_one_that_is_killed(processes):
    processes.start("a", LONG)
    process_of(processes, "a").kill()
    processes.wait("a", 30)
    status = processes.status("a")
    assert not status.running and "ended from outside" in status.error
    processes.start("a", QUICK)  # and a way on
    processes.wait("a", 60)
    assert processes.status("a").error is None


def test_bad_input_is_told_as_the_command_tells_it(processes):
    processes.start("a/b c", ("lab", "train", "--task", "wall", "--method", "base", "--rounds", "2"))
    processes.wait("a/b c", 60)
    assert processes.status("a/b c").error == "Only the method online has rounds; this is base."


def test_a_bug_is_told_in_a_line(processes):
    processes.start("a", ("lab.nothing",))
    processes.wait("a", 60)
    assert processes.status("a").error.endswith("No module named lab.nothing")


def test_one_that_does_not_listen(processes, monkeypatch, tmp_path):
    code = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)"
    )
    (tmp_path / "deaf.py").write_text(code, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("lab.repro.processes.PATIENCE", 0.1)
    processes.start("a", ("deaf",))
    while processes.status("a").last != "deaf":
        assert processes.status("a").running
        time.sleep(0.1)
    processes.stop("a")
    processes.wait("a", 30)
    assert not processes.status("a").running and processes.status("a").stopped


def test_nothing_outlives_the_one_that_started_it():
    code = (
        "import sys\nfrom lab.repro.processes import Process\n"
        f"print(Process({LONG!r})._process.pid, flush=True)\nsys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    process = psutil.Process(int(starter.stdout.readline()))
    starter.kill()
    starter.wait()
    assert process.wait(30) in (1, None)


def test_leaving_the_context_ends_all_and_lets_nothing_start():
    with Processes() as processes:
        processes.start("a", LONG)
        process = process_of(processes, "a")
    assert process.wait(30) in (1, None)
    with pytest.raises(LabError, match="'b' is not started any more"):
        processes.start("b", QUICK)


def test_running_waits_for_the_end_and_forgets():
    processes = Processes()
    status = processes.run(QUICK)
    assert not status.running and status.error is None and "1 loop" in status.last
    assert "No module named lab.nothing" in processes.run(("lab.nothing",)).error
    assert processes.status(" ".join(QUICK)) is None


def test_one_that_cannot_be_started(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(LabError, match=r"'timeit .*' cannot be started: No such file or directory"):
        Processes().start("a", QUICK)
