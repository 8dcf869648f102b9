"""Stages of a page: it shows a rough picture at once, and better ones as they are computed."""

import streamlit as st
from state import complain


def stage(name: str, choice: tuple) -> int:
    """The stage that the page ``name`` has reached for the current choice; 0 at first."""
    for sentence in st.session_state.pop("carried", []):
        complain(sentence)
    return _reached(name, choice)[0]


def go_on(name: str, choice: tuple, reached: int) -> None:
    """Run the page again at the stage ``reached``, whose pictures are cached now. Does not return."""
    _reached(name, choice)[0] = reached
    st.session_state["carried"] = st.session_state["complaints"]
    st.rerun()


@st.cache_resource(max_entries=16, show_spinner=False)
def _reached(name: str, choice: tuple) -> list[int]:
    """A list of one number, the stage. The server keeps it, as it keeps the pictures: nobody waits for them twice."""
    return [0]
