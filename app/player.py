"""The player of plans in the making, as a component of the page; see ``components/player.js``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent / "components"
KEYS = "Space plays and pauses, the arrow keys step, Home and End go to the beginning and the end."

_component = st.components.v2.component(
    "lab_player",
    html='<div class="player" role="group" tabindex="0" data-state="loading"></div>',
    css=(FOLDER / "player.css").read_text(),
    js=(FOLDER / "player.js").read_text(),
    isolate_styles=False,
)


def play(
    key: str,
    stage: dict[str, Any],
    lanes: Sequence[dict[str, Any]],
    label: str,
    *,
    charts: bool = True,
    loop: bool = False,
    moves: str | None = None,
    on_click: Callable[[], None] | None = None,
) -> None:
    """Show ``lanes`` on ``stage`` (see `lab.plots.player`), side by side on one clock.

    With ``charts``, loss and distance below; with ``loop``, it plays at once and for ever; ``moves`` names what a
    click on the scene moves, start or goal: then ``on_click`` finds x and y in ``st.session_state[key].click``.
    """
    data = {"stage": stage, "lanes": list(lanes), "label": f"{label}. {KEYS}", "charts": charts, "loop": loop}
    _component(key=key, data=data | {"moves": moves}, on_click_change=on_click or _nothing)


def _nothing() -> None:
    """The player needs no answer."""
