"""The app's own components: the player of plans, the drive of the dream, and loss landscapes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from lab.web.site import bundle

FOLDER = Path(__file__).parent / "components"
KEYS = "Space plays and pauses, the arrow keys step, Home and End go to the beginning and the end."


def _component(name: str, *styles: str):
    """The component ``name``: its script with all that it imports, and its styles."""
    return st.components.v2.component(
        f"lab_{name}",
        html='<div class="player" role="group" tabindex="0" data-state="loading"></div>',
        css="\n".join((FOLDER / f"{style}.css").read_text("utf-8") for style in ("player", *styles)),
        js=bundle(name),
        isolate_styles=False,
    )


_player, _relief = _component("player"), _component("relief", "relief")
_dream = _component("dream", "planning", "dream")
_fool, _dreams = _component("fool", "planning"), _component("dreams", "planning")


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

    ``charts`` adds the loss and the distance below. ``loop`` plays at once and for ever. ``moves`` names what a click
    on the scene moves, start or goal; ``on_click`` then reads x and y from ``st.session_state[key].click``.
    """
    data = {"stage": stage, "lanes": list(lanes), "label": f"{label}. {KEYS}", "charts": charts, "loop": loop}
    _player(key=key, data=data | {"moves": moves}, on_click_change=on_click or _nothing)


def steer(key: str, stage: dict[str, Any], data: dict[str, Any], on_act: Callable[[], None]) -> None:
    """Show both worlds of a drive (see `lab.plots.player.drive_data`).

    ``on_act`` reads the user's act from ``st.session_state[key].act``: ``{"go": letter}``, ``{"undo": True}`` or
    ``{"reset": True}``. The letters a to p are sixteenths of a turn: a is right, e is down.
    """
    _dream(key=key, data=data | {"stage": stage}, on_act_change=on_act)


def fool(key: str, sources: Mapping[str, str], first: str) -> None:
    """Show planning in the browser, beginning with the task ``first``; ``sources`` are by task the address of its file.

    See `lab.web.pack` for these files.
    """
    _fool(key=key, data={"sources": dict(sources), "first": first})


def dreams(key: str, sources: Mapping[str, str], first: str) -> None:
    """Show the drive of all models' dreams in the browser; for the arguments see `fool`."""
    _dreams(key=key, data={"sources": dict(sources), "first": first})


def survey(
    key: str, data: dict[str, Any], pick: tuple[float, float], label: str, final: bool, on_pick: Callable[[], None]
) -> None:
    """Show loss landscapes (see `lab.plots.relief`), with a ring around the point ``pick`` (u, v).

    ``final`` says that no more detail follows. ``on_pick`` reads the u, v and model of a clicked point from
    ``st.session_state[key].pick``.
    """
    _relief(key=key, data=data | {"pick": list(pick), "label": label, "final": final}, on_pick_change=on_pick)


def _nothing() -> None:
    """The player needs no answer."""
