"""Share: the page's link, and pictures of what it shows, which are drawn only when they are asked for."""

import re
import textwrap
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from lab.evaluation.episode import Episode
from lab.plots.animation import Column, gif

Strips = Sequence[tuple[str, Episode, str]]  #: (heading, episode, model)
PIXELS, FRAME = 128, 192  #: of a picture in the strip, and in the animation
PACE, PUSH_PACE = 80, 700  #: ms that a step of the animation takes, and a push


def begin() -> None:
    """Forget what an earlier run of a page offered."""
    st.session_state["strips"] = []


def offer(strips: Strips) -> None:
    """Offer these film strips, as one picture."""
    st.session_state["strips"] = strips


def button() -> None:
    """The button that opens to the page's link, and to a picture of what the page has offered."""
    with st.popover("Share", icon=":material/share:"):
        st.markdown("This link shows what you see:")
        st.code(link(), language=None, wrap_lines=True)
        if re.search(r"\b(own|file)\.", str(st.query_params.to_dict())):
            st.caption("It names a model that is on this server alone; a file of yours is shown to nobody else.")
        if strips := st.session_state["strips"]:
            for label, draw, kind in (("Film strip (PNG)", film, "png"), ("Animation (GIF)", animation, "gif")):
                st.download_button(
                    label,
                    partial(draw, strips),
                    f"{draw.__name__}.{kind}",
                    f"image/{kind}",
                    key=draw.__name__,
                    icon=":material/download:",
                    on_click="ignore",
                )


def link() -> str:
    """The address of the page with all choices."""
    choices = urlencode(st.query_params.to_dict(), safe=",")
    return f"{st.context.url or ''}{'?' if choices else ''}{choices}"


def animation(strips: Strips) -> bytes:
    """A GIF of the goal and of the episodes, step by step."""
    task = strips[0][1].environment
    columns = [Column("goal", task.render(strips[0][1].goal[None], FRAME))]
    for heading, episode, _ in strips:
        block = np.searchsorted(episode.blocks, np.arange(len(episode.states)), "right") - 1
        inside = np.maximum.accumulate(
            np.isin(np.arange(len(episode.states)), episode.ends) & (episode.distance["full"] < 1)
        )
        columns.append(Column(heading, task.render(episode.states, FRAME), episode.imagined_frames[block], inside))
    return gif(columns, PUSH_PACE if task.slow else PACE)


def film(strips: Strips) -> bytes:
    """A PNG of the strips, one below the other. Where one ends early, its last frames stay."""
    from lab.plots.filmstrip import filmstrip  # here: matplotlib takes half a second, and a first visit draws nothing
    from lab.plots.save import drawing

    episodes = [episode for _, episode, _ in strips]
    longest = max((episode.blocks for episode in episodes), key=len)
    task, seen = episodes[0].environment, [np.minimum(np.arange(len(longest)), len(e.blocks) - 1) for e in episodes]
    steps = [episode.blocks[rows] for episode, rows in zip(episodes, seen, strict=True)]
    figure = filmstrip(
        true=np.stack([task.render(e.states[at], PIXELS) for e, at in zip(episodes, steps, strict=True)]),
        imagined=np.stack([e.imagined_frames[rows] for e, rows in zip(episodes, seen, strict=True)]),
        goals=np.stack([task.render(e.goal[None], PIXELS)[0] for e in episodes]),
        reached=np.stack(
            [(e.distance["full"][at] < 1) & np.isin(at, e.ends) for e, at in zip(episodes, steps, strict=True)]
        ),
        steps=longest,
        names=[textwrap.fill(heading, 14) for heading, _, _ in strips],
    )
    return drawing(figure)
