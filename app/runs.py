"""Background runs of this server: each belongs to the visitor who started it. Pages start, watch and stop them."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from visitor import visitor

from lab import variables
from lab.errors import LabError
from lab.files import cache_root
from lab.repro.processes import Processes, Status

MOST, MOST_EACH = 4, 2  #: runs at a time: of all visitors, and of one
NICENESS = 5  #: pages come first
KEPT = 2.0  #: GB that runs of visitors may fill
SPARE = 1.0  #: GB that stay free
READ_ONLY = "This server only shows what there is: it starts no runs. On your own machine it does."
NOT_YOURS = "Another visitor has started this run: it is theirs to stop."


@st.cache_resource(show_spinner=False)
def workers() -> Processes:
    """The background processes of this server."""
    return Processes(MOST, MOST_EACH, NICENESS)


def start(name: str, command: Sequence[str]) -> None:
    """Start the run for this visitor; for callbacks. If it is refused, `watch` shows why."""
    try:
        if variables.read_only():
            raise LabError(READ_ONLY)
        check_disk()
        workers().start(name, command, owner=visitor())
    except LabError as error:
        st.session_state["refused"] = str(error)


def stop(name: str) -> None:
    """Stop the run if it is this visitor's; for callbacks."""
    if is_yours(name):
        workers().stop(name)
    else:
        st.session_state["refused"] = NOT_YOURS


def is_yours(name: str) -> bool:
    """Whether no other visitor has started the run; what is from before the server's start is everybody's."""
    return workers().owner(name) in (None, visitor())


def is_started_by_you(name: str) -> bool:
    """Whether this visitor has started the run, on this server, since its start."""
    return workers().owner(name) == visitor()


def delete(folder: Path) -> None:
    """Delete what a run has left; for callbacks of the visitor who started it."""
    shutil.rmtree(folder, ignore_errors=True)


def check_disk() -> None:
    """Raise LabError where runs fill what they may of the disk, or where it is nearly full."""
    root = cache_root()
    folders = (folder for kind in ("own", "live") for folder in root.glob(f"{kind}*"))
    filled = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()) / 1e9
    if filled > KEPT:
        raise LabError(f"Runs fill {filled:.1f} GB, and this server keeps {KEPT:.0f}: delete trainings of yours below.")
    there = next(folder for folder in (root, *root.parents) if folder.is_dir())
    if (free := shutil.disk_usage(there).free / 1e9) < SPARE:
        raise LabError(f"The server's disk has {free:.1f} GB left, a run needs {SPARE:.0f}: delete trainings below.")


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
