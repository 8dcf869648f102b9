"""Figure 1, drawn from real trajectories: data, plan, and the two remedies."""

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from lab.plots.palette import GRID, LABELS, MODEL_COLOURS, label
from lab.plots.style import annotate, in_style, neutral
from lab.studies.overview.study import Overview

DATA, IMAGINED, GOAL = "#D8D8D8", "#A259C4", "#009E73"
BOX = MODEL_COLOURS["adversarial"]
EXPERT = GOAL  # it leads there; the base model has the grey
HEIGHT = 640  #: of the interactive figure, in pixels
OTHERS = 12  #: plans for other problems that are drawn


@in_style
def print_figure(seen: Overview) -> Figure:
    """Four panels in one plane: the data; a plan, imagined and executed; corrected trajectories; perturbed inputs."""
    figure = Figure(figsize=(12, 4.1), layout="constrained")
    axes = figure.subplots(1, 4, sharex=True, sharey=True)
    for ax in axes:
        _data(ax, seen, label="training data")
        if ax is not axes[2]:  # whose plans have goals of their own
            ax.plot(*seen.goal, "*", color=GOAL, markersize=14, markeredgecolor="white", label="goal", zorder=5)
        ax.set(aspect="equal", xlabel="first component of the latent")
        ax.grid(False)
    axes[0].set_ylabel("second component of the latent")
    axes[0].set_title("Training: the expert's data")
    _path(axes[0], seen.expert, EXPERT, "expert's actions")
    axes[1].set_title("Planning: imagined, and true")
    _path(axes[1], seen.corrected[seen.problem], MODEL_COLOURS[seen.model], "what really happens")
    _path(axes[1], seen.imagined, IMAGINED, "what the model imagines", ":")
    axes[2].set_title("Online: plans, corrected")
    for i, path in enumerate(_others(seen)):
        _path(axes[2], path, MODEL_COLOURS["online"], "corrected trajectories" if i == 0 else None)
    axes[3].set_title("Adversarial: perturbed data")
    _path(axes[3], seen.expert, EXPERT, None)
    for i, centre in enumerate(seen.expert):
        name = f"perturbation box (λ = {seen.radius:g})" if i == 0 else None
        axes[3].add_patch(Polygon(centre + seen.shadow, fill=False, color=BOX, linewidth=1.2, label=name, zorder=6))
    handles = {name: handle for ax in axes for handle, name in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=4, fontsize=8)
    annotate(figure, _title(seen), _caption(seen), 190)
    return figure


def interactive(seen: Overview) -> go.Figure:
    """All of it in one plane; a click on the legend shows or hides a part."""
    data = np.concatenate([_gapped(path) for path in seen.data])
    shadows = np.concatenate([_gapped(centre + seen.shadow) for centre in seen.expert])
    corrected = np.concatenate([_gapped(path) for path in _others(seen)])
    plan = seen.corrected[seen.problem]
    figure = go.Figure(
        [
            _line(data, GRID, "training data", width=0.7),
            _line(shadows, BOX, f"perturbation box, λ = {seen.radius:g}", fill="toself"),
            _line(corrected, MODEL_COLOURS["online"], "corrected trajectories", visible="legendonly"),
            _line(seen.expert, EXPERT, "expert's actions", width=3, mode="lines+markers"),
            _line(plan, MODEL_COLOURS[seen.model], "the plan, as it really happens", width=3, mode="lines+markers"),
            _line(seen.imagined, IMAGINED, "the plan, as imagined", width=3, mode="lines+markers", dash="dot"),
            _line(seen.goal[None], GOAL, "goal", mode="markers", marker={"symbol": "star", "size": 16}),
        ]
    )
    figure.update_xaxes(title="first component of the latent")
    figure.update_yaxes(title="second component of the latent", scaleanchor="x")
    return neutral(figure, _title(seen), HEIGHT, _caption(seen))


def _others(seen: Overview) -> np.ndarray:
    """The first plans (at most OTHERS, H + 1, 2) for other problems than the one that is shown."""
    return np.delete(seen.corrected, seen.problem, 0)[:OTHERS]


def _data(ax: Axes, seen: Overview, label: str) -> None:
    for i, path in enumerate(seen.data):
        ax.plot(*path.T, color=DATA, linewidth=0.5, label=label if i == 0 else None)


def _path(ax: Axes, points: np.ndarray, colour: str, name: str | None, style: str = "-") -> None:
    ax.plot(*points.T, style, color=colour, linewidth=1.8, marker="o", markersize=3, label=name)
    ax.plot(*points[0], "s", color=colour, markersize=5)


def _gapped(path: np.ndarray) -> np.ndarray:
    return np.concatenate([path, np.full((1, 2), np.nan)])


def _line(points: np.ndarray, colour: str, name: str, width: float = 1, dash: str = "solid", **options) -> go.Scatter:
    line = {"color": colour, "width": width, "dash": dash}
    return go.Scatter(x=points[:, 0], y=points[:, 1], name=name, line=line, **({"mode": "lines"} | options))


def _title(seen: Overview) -> str:
    return f"{label(seen.task)}: the train-test gap, and two remedies"


def _caption(seen: Overview) -> str:
    return (
        f"The plane of the first two principal components of the picture latents: {100 * seen.explained:.0f}% of the "
        "data's variance. Dots: the latent state at the start (square) and after each of the plan's "
        f"{len(seen.expert) - 1} blocks. Test problem {seen.problem} of {len(seen.corrected)}, planned by "
        f"{LABELS[seen.planner]} on {LABELS[seen.model]}: the plan ends {seen.distance:.1f} success radii from the "
        "goal (success: below 1). The box is drawn as its shadow on the plane."
    )
