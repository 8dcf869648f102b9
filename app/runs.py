"""Background runs of this server: each belongs to the visitor who started it. Pages start, watch and stop them."""

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from visitor import visitor

from lab import variables
from lab.checksums import sha256
from lab.errors import LabError
from lab.files import cache_root, file_status, replacing
from lab.repro.custom_run import SETTINGS
from lab.repro.processes import Processes, Status

MOST, MOST_EACH = 4, 2  #: runs at a time: of all visitors, and of one
LONGEST = 6 * 3600.0  #: s that a run takes at most
NICENESS = 5  #: pages come first
KEPT = 2.0  #: GB that trainings may fill; a measurement keeps a few tables, which do not count
SPARE = 1.0  #: GB that stay free
READ_ONLY = "This server only shows what there is: it starts no runs. On your own machine it does."
NOT_YOURS = "Another visitor has started this run: only they can stop it and go on with it."
OWNER = "owner"  #: in a training's folder: the SHA-256 of the token of the visitor who has begun it


@st.cache_resource(show_spinner=False)
def workers() -> Processes:
    """The background processes of this server."""
    return Processes(MOST, MOST_EACH, NICENESS, LONGEST)


_starting = threading.Lock()


def start(name: str, command: Sequence[str], folder: Path | None = None) -> None:
    """Start the run for this visitor; for callbacks. If it is refused, `watch` shows why.

    ``folder`` is that of a training: whoever begins it there is the only one to go on with it, and to delete it.
    """
    try:
        if variables.read_only():
            raise LabError(READ_ONLY)
        with _starting:
            running = name in workers().running()
            begins = (
                folder and not running and not (folder / SETTINGS).exists()
            )  # a stop before these has begun nothing
            if folder and not begins and begun_by_you(folder) is False:
                raise LabError(NOT_YOURS)
            check_disk()
            workers().start(name, command, owner=visitor())
            if folder and begins:
                with replacing(folder / OWNER) as temporary:
                    temporary.write_text(_you(), "utf-8")
    except LabError as error:
        st.session_state["refused"] = str(error)


def stop(name: str) -> None:
    """Stop the run if it is this visitor's; for callbacks."""
    if is_yours(name):
        workers().stop(name)
    else:
        st.session_state["refused"] = NOT_YOURS


def is_yours(name: str) -> bool:
    """Whether no other visitor has started the process."""
    return workers().owner(name) in (None, visitor())


def begun_by_you(folder: Path) -> bool | None:
    """Whether this visitor has begun the training in ``folder``; None where it does not say who has."""
    try:
        return (folder / OWNER).read_text("utf-8", "replace") == _you()
    except OSError:
        return None


def _you() -> str:
    return sha256(visitor().encode())


def delete(folder: Path) -> None:
    """Delete what a training has left; for callbacks of the visitor who has begun it."""
    shutil.rmtree(folder, ignore_errors=True)


def check_disk() -> None:
    """Raise LabError where trainings fill what they may of the disk, or where it is nearly full."""
    root, do = cache_root(), "delete trainings of yours, on the page Your own."
    paths = (Path(at) / name for folder in root.glob("own*") for at, _, names in os.walk(folder) for name in names)
    filled = sum(status.st_size for path in paths if (status := file_status(path))) / 1e9
    if filled > KEPT:
        raise LabError(f"Trainings fill {filled:.1f} GB, and this server keeps {KEPT:.0f}: {do}")
    there = next(folder for folder in (root, *root.parents) if folder.is_dir())
    if (free := shutil.disk_usage(there).free / 1e9) < SPARE:
        raise LabError(f"The server's disk has {free:.1f} GB left, a run needs {SPARE:.0f}: {do}")


def watch(name: str, draw: Callable[[Status | None], None], every: str = "1s") -> None:
    """Draw the status of the run, again and again while it runs; when it ends, run the whole page again."""
    if refused := st.session_state.pop("refused", None):
        st.warning(refused, icon=":material/hourglass_top:")
    status = workers().status(name)
    was_running = status is not None and status.running

    @st.fragment(run_every=every if was_running else None)
    def live() -> None:
        status = workers().status(name)
        if was_running and not status.running:
            st.rerun()
        draw(status)
        if status is not None and status.error:
            st.error(status.error, icon=":material/error:")

    live()


def stop_button(name: str, label: str) -> bool:
    """The button that stops the run, for whoever started it; returns whether the run is under way."""
    status = workers().status(name)
    if status is None or not status.running:
        return False
    if is_yours(name):
        st.button(label, icon=":material/stop:", on_click=stop, args=(name,), disabled=status.stopped)
    else:
        st.caption(NOT_YOURS)
    return True


def minutes(seconds: float) -> str:
    """A duration, given in seconds, as text: in seconds below 100, else in minutes."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
