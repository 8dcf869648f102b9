"""Many sessions at once on one server, and what they share."""

import re
import threading
import time
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import APP, served, whole
from load import AS_IN_THE_CONTAINER, measure, session, warm
from pages import VIEWS
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from lab.files import MODELS, ROOT
from lab.models.inspect import LARGEST
from lab.repro.processes import Processes

SESSIONS = 8


def test_sessions_do_not_mix(server):
    """Each sees its own problem, and nothing but it."""
    queries = [f"problem={i}&planner=cem&rivals=&model={MODELS[i % 4]}" for i in range(SESSIONS)]
    with ThreadPoolExecutor(SESSIONS) as pool:
        texts = list(pool.map(lambda query: session(server, "plan", query), queries))
    for i, text in enumerate(texts):
        assert f"--model {MODELS[i % 4]} " in text and "exception" not in text
        assert [j for j in range(SESSIONS) if f"--problem {j}" + "\\n" in text or f'--problem {j}"' in text] == [i]


def test_the_container_visits_every_page_of_its_own(server, capsys):
    assert "python app/warm.py http://localhost:7860 &" in (APP / "Dockerfile").read_text("utf-8")
    warm(server)
    said = capsys.readouterr().out.splitlines()
    assert [line.rpartition(":")[0] for line in said] == [view.title for view in VIEWS]


@pytest.mark.parametrize("page", ["gap", "landscape"])
def test_what_one_session_has_computed_the_next_sees_at_once(app, monkeypatch, page):
    rough = []
    assert whole(app(page))
    monkeypatch.setattr("progress.go_on", lambda *stage: rough.append(stage))
    assert whole(app(page)) and not rough
    assert whole(app(page, goals="random")) and rough


def test_caches_are_bounded(monkeypatch):
    """Every cache that takes arguments forgets."""
    for path in [*APP.glob("*.py"), *APP.glob("views/*.py")]:
        heavy = set(re.findall(r"@heavy\(\d+.*\)\ndef (\w+)", path.read_text("utf-8")))
        for after in path.read_text("utf-8").split("@st.cache_")[1:]:
            decorator, _, rest = after.partition("def ")
            assert "max_entries=" in decorator or rest.split("(", 1)[1].startswith(")"), decorator
            body = rest.partition("\ndef ")[0].partition("\n@")[0]
            assert not {name for name in heavy if f"{name}(" in body}, "what waits for a turn holds no cache's lock"


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does; fail if it does not."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_heavy_work_takes_turns(app):
    assert whole(app())
    from turns import Turns

    turns, told, order, go = Turns(2), [], [], threading.Event()

    def work(i: int) -> None:
        with turns.turn(told.append), turns.turn():
            order.append(i)
            go.wait(30)

    threads = []
    for i in range(5):
        threads.append(threading.Thread(target=work, args=(i,)))
        threads[-1].start()
        until(lambda i=i: len(turns._queue) > i)
    until(lambda: {1, 2, 3} <= set(told))
    assert order == [0, 1] and set(told) == {1, 2, 3}
    go.set()
    for thread in threads:
        thread.join(30)
    assert sorted(order[2:]) == [2, 3, 4] and not turns._queue
    with pytest.raises(ZeroDivisionError), turns.turn():
        print(1 / 0)
    with turns.turn(pytest.fail):  # what failed has given its turn back
        assert len(turns._queue) == 1


def test_nothing_heavy_is_computed_without_a_turn(app):
    """Nor what the cache has held, and has forgotten."""
    assert whole(app())
    from turns import TURNS, heavy

    computed = []

    @heavy(1)
    def inner(i: int) -> int:
        computed.append((i, TURNS.held))
        return i

    @heavy(2)
    def outer(i: int) -> int:
        return inner(i)

    assert [inner(0), inner(0), outer(1), inner(0), outer(1)] == [0, 0, 1, 0, 1]
    assert computed == [(0, True), (1, True), (0, True)] and not TURNS.held


def test_models_are_shared_frozen_and_without_gradients(app, monkeypatch):
    assert not app("plan", model="online").exception
    monkeypatch.syspath_prepend(str(APP))
    import cached

    model = cached.world_model("wall", "online", cached.stamp("wall", "online"))
    assert model is cached.world_model("wall", "online", cached.stamp("wall", "online"))
    assert not model.training
    assert all(not parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_a_run_belongs_to_the_visitor_who_started_it(app, monkeypatch, tmp_path):
    assert whole(app())
    import runs
    import streamlit as st

    who, processes = "me", Processes(most_each=1)
    monkeypatch.setattr(runs, "workers", lambda: processes)
    monkeypatch.setattr(runs, "visitor", lambda: who)
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    command = ("http.server", "0", "--bind", "127.0.0.1")
    runs.start("mine", command)
    runs.start("also mine", command)
    assert "1 of your runs" in st.session_state["refused"] and runs.is_yours("mine") and runs.is_yours("nobody's")
    who = "you"
    runs.stop("mine")
    assert st.session_state["refused"] == runs.NOT_YOURS and runs.workers().running() == ["mine"]
    who = "me"
    runs.stop("mine")
    runs.workers().wait("mine", 30)
    folder = tmp_path / "own" / "wall" / "control-seed0"
    runs.start("training", command, folder)
    runs.stop("training")
    runs.workers().wait("training", 30)
    assert runs.begun_by_you(folder) and runs.begun_by_you(tmp_path) is None
    who = "you"
    runs.start("training", command, folder)  # it was stopped before it had settings, so it is anybody's
    assert runs.begun_by_you(folder) and runs.is_yours("training")
    runs.stop("training")
    runs.workers().wait("training", 30)
    who = "me"
    runs.start("training", command, folder)
    (folder / runs.SETTINGS).write_text("{}", "utf-8")
    runs.stop("training")
    runs.workers().wait("training", 30)
    who, processes = "you", Processes()  # after a restart of the server
    runs.start("training", command, folder)
    assert st.session_state["refused"] == runs.NOT_YOURS and not runs.workers().running()
    assert runs.begun_by_you(folder) is False and who not in (folder / runs.OWNER).read_text("utf-8")
    who = "me"
    (tmp_path / "own" / "wall" / "large").write_bytes(b"0" * 1000)
    monkeypatch.setattr(runs, "KEPT", 1e-7)
    runs.start("mine", command)
    assert "this server keeps" in st.session_state["refused"] and not runs.workers().running()


COOKIE = "2|0102ff00|0003fe01|1700000000"  # the token 01010101, masked by 0102ff00


@pytest.mark.parametrize(
    ("cookies", "known"),
    [({"_streamlit_xsrf": COOKIE}, True), ({"lab_visitor": COOKIE, "_streamlit_xsrf": "2|00000000|05|1"}, True)]
    + [({"lab_visitor": text}, False) for text in ("", "2||05|1", "2|zz|05|1", "a|b", COOKIE[:9])],
)
def test_a_visitor_is_known_by_a_token(app, monkeypatch, cookies, known):
    assert whole(app())
    import visitor

    monkeypatch.setattr(type(visitor.st.context), "cookies", cookies)
    assert (visitor.visitor() == "01010101") == known


def test_files_are_limited_where_they_arrive(app, monkeypatch):
    assert whole(app())
    import uploads

    manager = MemoryUploadedFileManager("/upload")
    uploads.limited(manager)

    def send(session: str, number: int) -> None:
        manager.add_file(session, UploadedFileRec(str(number), "x", "", bytes(LARGEST << 20)))

    for i in range(4):
        send(str(i), 0)
        send(str(i), 1)
        with pytest.raises(HTTPException, match="More than 64 MiB"):
            send(str(i), 2)
    with pytest.raises(HTTPException, match="More than 256 MiB"):
        send("new", 0)
    manager.remove_file("0", "0")
    send("new", 0)
    manager.remove_file("new", "0")
    monkeypatch.setenv("LAB_APP_READONLY", "1")
    with pytest.raises(HTTPException, match="no files"):
        send("new", 0)


def test_listens_at_home_only_and_takes_no_large_files():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    assert settings["server"]["address"] == "localhost" and settings["server"]["maxUploadSize"] == LARGEST
    assert settings["browser"]["gatherUsageStats"] is False and settings["client"]["showErrorDetails"] == "none"


@pytest.mark.slow
def test_under_load(cache, capsys):
    """Prints the times, which are not judged here: they depend on what else the machine does."""
    with served(AS_IN_THE_CONTAINER | {"LAB_CACHE": str(cache)}) as (server, process):
        load = measure(server, process)
    with capsys.disabled():
        print(f"\n{load}")
    assert len(load.pages) == 20 and load.memory < 700
