"""Film strips of one problem: a row for each way it went, the goal on the right."""

import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lab.plots.filmstrip import played
from lab.plots.marks import REACHED, picture
from lab.plots.style import LABELS, annotate, in_style, label, neutral
from lab.studies.rollouts.study import Film, Films

HEIGHT = 460  #: of the interactive figure, in pixels


@in_style
def print_figure(seen: Films) -> Figure:
    """True frames carry their distance to the goal in success radii, with a green border where the goal is reached."""
    rows, columns = len(seen.films), len(seen.steps) + 1
    figure = Figure(figsize=(1.35 * columns + 1.2, 1.5 * rows + 0.9), layout="constrained")
    for film, axes in zip(seen.films, figure.subplots(rows, columns, squeeze=False), strict=True):
        for i, ax in enumerate(axes[:-1]):
            reached = film.distance is not None and film.distance[i] < 1
            picture(ax, film.frames[i], REACHED if reached else None)
            if film.distance is not None:
                ax.set_xlabel(f"{film.distance[i]:.1f}", fontsize=8)
        picture(axes[-1], seen.goal)
        axes[0].set_ylabel(_name(film).replace(", ", "\n"))
    for ax, step in zip(figure.axes, [*(f"step {step}" for step in seen.steps), "goal"], strict=False):
        ax.set_title(step)
    annotate(figure, _title(seen), _caption(seen), 110)
    return figure


def interactive(seen: Films) -> go.Figure:
    """All rows side by side, to be played."""
    still = [np.repeat(seen.goal[None], len(seen.steps), 0)]
    movie = np.stack([*(film.frames for film in seen.films), *still], 1)
    names = [name.replace(", ", "<br>") for name in [*map(_name, seen.films), "Goal"]]
    figure = played(movie, names, seen.steps)
    return neutral(figure, _title(seen), HEIGHT, "").update_layout(margin={"b": 130})


def _name(film: Film) -> str:
    who, _, what = film.name.partition(", ")
    return ", ".join(filter(None, [LABELS.get(who, who.capitalize()), what]))


def _title(seen: Films) -> str:
    return f"{label(seen.task)}, test problem {seen.problem}: expert, plan, imagination"


def _caption(seen: Films) -> str:
    return (
        f"Plans by {LABELS[seen.planner]}, open loop. Numbers: success radii between true state and goal; below 1 "
        "is success (green). Imagined frames are drawn by the decoder from imagined latents: what it draws blurred, "
        "the model need not see blurred."
    )
