"""Background runs of this server. All sessions share them; pages start, watch and stop them."""

from collections.abc import Callable, Sequence

import streamlit as st

from lab import variables
from lab.errors import LabError
from lab.repro.processes import Processes, Status

MOST = 2  #: runs at a time, over all sessions
READ_ONLY = "This server only shows what there is: it starts no runs. On your own machine it does."


@st.cache_resource(show_spinner=False)
def workers() -> Processes:
    """The background processes of this server."""
    return Processes(MOST)


def start(name: str, command: Sequence[str]) -> None:
    """Start the run; for callbacks. If it is refused, `watch` shows why."""
    try:
        if variables.read_only():
            raise LabError(READ_ONLY)
        workers().start(name, command)
    except LabError as error:
        st.session_state["refused"] = str(error)


def stop(name: str) -> None:
    """Stop the run; for callbacks."""
    workers().stop(name)


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


def minutes(seconds: float) -> str:
    """A duration, given in seconds, as text: in seconds below 100, else in minutes."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
