"""Work in processes of their own: how it ends, and what is said about it."""

import time

import psutil
import pytest

from lab.errors import LabError
from lab.repro.background import Workers

QUICK = ("timeit", "-n", "1", "-r", "1", "pass")
LONG = ("http.server", "0", "--bind", "127.0.0.1")


@pytest.fixture
def workers(empty_cache):
    made = Workers(most=2)
    yield made
    for name in made.running():
        made.stop(name)
        made.wait(name, 30)


def process_of(workers, name) -> psutil.Process:
    return psutil.Process(workers._works[name].process.pid)


def test_done(workers):
    assert workers.status("a") is None
    workers.start("a", QUICK)
    workers.wait("a", 60)
    status = workers.status("a")
    assert not status.running and not status.stopped and status.error is None
    assert "1 loop" in status.last and status.seconds == workers.status("a").seconds


def test_stop(workers):
    workers.start("a", LONG)
    workers.start("a", LONG)  # runs already
    assert workers.running() == ["a"] and workers.status("a").running
    workers.stop("a")
    workers.stop("a")
    workers.wait("a", 30)
    status = workers.status("a")
    assert not status.running and status.stopped and status.error is None


def test_only_so_many_at_a_time(workers):
    workers.start("a", LONG)
    workers.start("b", LONG)
    with pytest.raises(LabError, match="2 background runs are under way"):
        workers.start("c", QUICK)
    workers.stop("a")
    workers.wait("a", 30)
    workers.start("c", QUICK)


def test_one_that_is_killed(workers):
    workers.start("a", LONG)
    process_of(workers, "a").kill()
    workers.wait("a", 30)
    status = workers.status("a")
    assert not status.running and "ended from outside" in status.error
    workers.start("a", QUICK)  # and a way on
    workers.wait("a", 60)
    assert workers.status("a").error is None


def test_bad_input_is_told_as_the_command_tells_it(workers):
    workers.start("a/b c", ("lab", "train", "--task", "wall", "--method", "base", "--rounds", "2"))
    workers.wait("a/b c", 60)
    assert workers.status("a/b c").error == "Only the method online has rounds; this is base."


def test_a_bug_is_told_in_a_line(workers):
    workers.start("a", ("lab.nothing",))
    workers.wait("a", 60)
    assert workers.status("a").error.startswith("The background run failed: ")


def test_one_that_does_not_listen(workers, monkeypatch, tmp_path):
    code = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)"
    )
    (tmp_path / "deaf.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("lab.repro.background.PATIENCE", 0.1)
    workers.start("a", ("deaf",))
    while workers.status("a").last != "deaf":
        assert workers.status("a").running
        time.sleep(0.1)
    workers.stop("a")
    workers.wait("a", 30)
    assert not workers.status("a").running and workers.status("a").stopped


def test_nothing_outlives_the_one_that_started_it(empty_cache):
    workers = Workers()
    workers.start("a", LONG)
    process = process_of(workers, "a")
    workers._works["a"].process.stdin.close()  # as the system does when we are killed
    assert process.wait(30) in (1, None)


def test_a_log_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "logs").write_text("a file where a folder should be")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    with pytest.raises(LabError, match="cannot be started"):
        Workers().start("a", QUICK)
