"""How the app holds under load: ``python tests/app/load.py``, or ``pytest -m slow tests/app/test_sessions.py``.

Twenty sessions open pages at once, each with a problem of its own, while the server's health is asked again and again.
"""

import statistics
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psutil
from harness import APP, served

sys.path.insert(0, str(APP))
from warm import messages, warm

SESSIONS = 20
#: see app/Dockerfile: what threads have freed goes back to the system, so that the peak is a fifth lower
AS_IN_THE_CONTAINER = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "1000000",
    "MALLOC_MMAP_THRESHOLD_": "262144",
}
PAGES = ("", "plan", "plan", "gap", "landscape", "anatomy", "efficiency", "results", "train", "fool")


def session(server: str, page: str, query: str) -> str:
    """Everything that a session of its own is sent until its script has run, as text."""
    return " ".join(str(message) for message in messages(server, page, query))


@dataclass
class Load:
    """What was measured."""

    pictures: list[float] = field(default_factory=list)  #: s until a page has its first picture, or all it has
    pages: list[float] = field(default_factory=list)  #: s until a page is all there
    health: list[float] = field(default_factory=list)  #: s of an answer
    memory: float = 0.0  #: MB of the server at most

    def __str__(self) -> str:
        return (
            f"first picture: median {statistics.median(self.pictures):.1f} s, worst {max(self.pictures):.1f} s; whole "
            f"page: median {statistics.median(self.pages):.1f} s, worst {max(self.pages):.1f} s; health: median "
            f"{statistics.median(self.health):.2f} s, worst {max(self.health):.2f} s; memory: {self.memory:.0f} MB"
        )


PICTURES = ("plotly_chart", "bidi_component", "arrow_data_frame")


def measure(server: str, process: psutil.Process) -> Load:
    """Twenty sessions at once, on all pages."""
    load, done = Load(), threading.Event()

    def watch() -> None:
        while not done.is_set():
            started = time.perf_counter()
            urllib.request.urlopen(f"{server}_stcore/health", timeout=60).close()
            load.health.append(time.perf_counter() - started)
            load.memory = max(load.memory, process.memory_info().rss / 1e6)
            time.sleep(0.25)

    def visit(i: int) -> None:
        started, picture = time.perf_counter(), None
        for message in messages(server, PAGES[i % len(PAGES)], f"problem={i}"):
            if picture is None and message.delta.new_element.WhichOneof("type") in PICTURES:
                picture = time.perf_counter() - started
        load.pages.append(time.perf_counter() - started)
        load.pictures.append(picture or load.pages[-1])

    with ThreadPoolExecutor(SESSIONS + 1) as pool:
        watcher = pool.submit(watch)
        try:
            list(pool.map(visit, range(SESSIONS)))
        finally:
            done.set()
    watcher.result()  # raises if the server has left a request unanswered
    return load


if __name__ == "__main__":
    with served(AS_IN_THE_CONTAINER) as (server, process):
        print("cold:", measure(server, process))
        print("again:", measure(server, process))
    with served(AS_IN_THE_CONTAINER) as (server, process):
        warm(server)
        print("after app/warm.py:", measure(server, process))
