"""Pages that show a rough picture at once and better ones as they are computed."""

from collections.abc import Hashable

import streamlit as st
from state import complain

REMEMBERED = 32  #: choices whose stage a session remembers


def stage(name: str, choice: Hashable) -> int:
    """The stage at which the page ``name`` stands for what is chosen now, 0 at first."""
    for sentence in st.session_state.pop("carried", []):
        complain(sentence)
    return _stages(name).get(choice, 0)


def go_on(name: str, choice: Hashable, reached: int) -> None:
    """Run the page again, now that what the stage ``reached`` shows is cached. Does not return."""
    stages = _stages(name)
    stages[choice] = reached
    while len(stages) > REMEMBERED:
        del stages[next(iter(stages))]
    st.session_state["carried"] = st.session_state["complaints"]
    st.rerun()


def _stages(name: str) -> dict[Hashable, int]:
    return st.session_state.setdefault(f"stages_{name}", {})
