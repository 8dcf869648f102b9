"""The true paths of plans on a picture of the scene, for tasks whose state begins with x and y."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from lab.plots.style import in_style
from lab.tasks import make_task

PATH, GOAL = "#0090D0", "#009E73"
SIZE = 224  #: pixels of the background


@in_style
def paths_figure(
    task_name: str, view: tuple[float, float], trajectories: Mapping[str, np.ndarray], goals: np.ndarray
) -> Figure:
    """A panel for each of ``trajectories`` (n, T + 1, S), by title, with the ``goals`` (n, S) as stars.

    ``view`` is the range of both axes, as in the task's pictures.
    """
    low, high = view
    task = make_task(task_name)
    figure = Figure(figsize=(3.3 * len(trajectories), 3.4), layout="constrained")
    panels = figure.subplots(1, len(trajectories), squeeze=False, sharey=True)[0]
    everywhere = np.concatenate([states.reshape(-1, states.shape[-1]) for states in trajectories.values()])
    background = np.median(task.render(everywhere, SIZE), 0).astype(np.uint8)
    for ax, (title, states) in zip(panels, trajectories.items(), strict=True):
        ax.imshow(background, extent=(low, high, high, low), alpha=0.6)
        for path, goal in zip(states, goals, strict=True):
            ax.plot(path[:, 0], path[:, 1], color=PATH, linewidth=1.2)
            ax.plot(*path[0, :2], "o", color=PATH, markersize=4)
            ax.plot(*goal[:2], "*", color=GOAL, markersize=9, markeredgecolor="white")
        ax.set(title=title, xlabel=task.state_fields[0])
        ax.grid(False)
    panels[0].set_ylabel(task.state_fields[1])
    return figure
