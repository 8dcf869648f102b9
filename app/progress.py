"""Pages that show a rough picture at once and better ones as they are computed."""

import streamlit as st
from state import complain


def stage(name: str, choice: tuple) -> int:
    """The stage at which the page ``name`` stands for what is chosen now, 0 at first."""
    for sentence in st.session_state.pop("carried", []):
        complain(sentence)
    return _reached(name, choice)[0]


def go_on(name: str, choice: tuple, reached: int) -> None:
    """Run the page again, now that what the stage ``reached`` shows is cached. Does not return."""
    _reached(name, choice)[0] = reached
    st.session_state["carried"] = st.session_state["complaints"]
    st.rerun()


@st.cache_resource(max_entries=16, show_spinner=False)
def _reached(name: str, choice: tuple) -> list[int]:
    """The one number to change: like the pictures' caches it is the server's, so that nobody waits for them twice."""
    return [0]
