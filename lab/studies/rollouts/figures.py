"""Film strips of one problem: a row for each trajectory, the goal on the right."""

import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lab.plots.filmstrip import played
from lab.plots.palette import LABELS, label
from lab.plots.pictures import REACHED, picture
from lab.plots.style import annotate, in_style, neutral
from lab.studies.rollouts.study import Rollouts, Trajectory

HEIGHT = 460  #: of the interactive figure, in pixels


@in_style
def print_figure(seen: Rollouts) -> Figure:
    """A row for each trajectory.

    True frames carry their distance to the goal in success radii; the last has a green border if the goal is reached.
    """
    rows, columns = len(seen.trajectories), len(seen.steps) + 1
    figure = Figure(figsize=(1.35 * columns + 1.2, 1.5 * rows + 0.9), layout="constrained")
    for trajectory, axes in zip(seen.trajectories, figure.subplots(rows, columns, squeeze=False), strict=True):
        for i, ax in enumerate(axes[:-1]):
            picture(ax, trajectory.frames[i], REACHED if _reached(trajectory, i) else None)
            if trajectory.distance is not None:
                ax.set_xlabel(f"{trajectory.distance[i]:.2f}", fontsize=8)
        picture(axes[-1], seen.goal)
        axes[0].set_ylabel(_name(trajectory).replace(", ", "\n"))
    for ax, step in zip(figure.axes, [*(f"step {step}" for step in seen.steps), "goal"], strict=False):
        ax.set_title(step)
    annotate(figure, _title(seen), _caption(seen), 110)
    return figure


def interactive(seen: Rollouts) -> go.Figure:
    """An animation: all trajectories and the goal, side by side."""
    still = [np.repeat(seen.goal[None], len(seen.steps), 0)]
    movie = np.stack([*(trajectory.frames for trajectory in seen.trajectories), *still], 1)
    names = [name.replace(", ", "<br>") for name in [*map(_name, seen.trajectories), "Goal"]]
    figure = played(movie, names, seen.steps)
    return neutral(figure, _title(seen), HEIGHT, "").update_layout(margin={"b": 130})


def _reached(trajectory: Trajectory, i: int) -> bool:
    """Whether frame ``i`` is the last, which alone counts, and shows the goal reached."""
    return trajectory.distance is not None and i == len(trajectory.distance) - 1 and bool(trajectory.distance[i] < 1)


def _name(trajectory: Trajectory) -> str:
    who, _, what = trajectory.name.partition(", ")
    return ", ".join(filter(None, [LABELS.get(who, who.capitalize()), what]))


def _title(seen: Rollouts) -> str:
    return f"{label(seen.task)}, test problem {seen.problem}: expert, plan, imagination"


def _caption(seen: Rollouts) -> str:
    return (
        f"Plans by {LABELS[seen.planner]}, open loop. Numbers: success radii between true state and goal; below 1 at "
        "the end is success (green). Imagined frames are drawn by the decoder from imagined latents: what it draws "
        "blurred, the model need not see blurred."
    )
