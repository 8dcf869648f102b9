"""How a plan changes while a planner improves it, as an animation: imagined and true paths on the places of the data.

Dimensions: ``M`` iterations, ``H`` blocks of a plan, ``T`` environment steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lab.benchmarks.scene import Scene
from lab.plots.palette import CLEAR, GOAL_COLOUR, GREY, IMAGINED_COLOUR, LABELS, MODEL_COLOURS
from lab.plots.style import TOP, faded, neutral

HEIGHT = 620  #: pixels
PAUSE = 150  #: milliseconds that an iteration is shown


@dataclass(frozen=True)
class Descent:
    """The paths of one plan at M iterations; places are x and y."""

    imagined: np.ndarray  #: (M, H + 1, 2) as the model imagines them
    true: np.ndarray  #: (M, T + 1, 2) as the simulator executes them


def played(
    descents: Mapping[str, Descent], iterations: Sequence[int], data: np.ndarray, goal: np.ndarray, scene: Scene
) -> go.Figure:
    """A panel for each model in ``descents``, with a slider over the ``iterations`` (M,).

    ``data`` (n, 2) are the places of the training data, ``goal`` (2,) is the plan's.
    """
    names, last = list(descents), len(iterations) - 1
    figure = make_subplots(1, len(names), subplot_titles=[LABELS[name] for name in names], horizontal_spacing=0.03)
    for column, name in enumerate(names, 1):
        still = [_line(data, faded(GREY), "training data", mode="markers", marker={"size": 2}), *_goal(goal, scene)]
        for trace in [*still, *_moving(name, descents[name], 0)]:
            figure.add_trace(trace.update(showlegend=column == 1 and bool(trace.name)), 1, column)
    each = len(figure.data) // len(names)
    moved = [panel * each + each - offset for panel in range(len(names)) for offset in (2, 1)]
    figure.frames = [
        go.Frame(data=[line for name in names for line in _moving(name, descents[name], i)], traces=moved, name=str(i))
        for i in range(last + 1)
    ]
    low, high = scene.view
    figure.update_xaxes(range=(low, high), constrain="domain")
    figure.update_yaxes(range=(high, low), constrain="domain", showticklabels=False)
    for number in range(1, len(names) + 1):
        axis = "x" if number == 1 else f"x{number}"
        figure.update_yaxes(scaleanchor=axis, row=1, col=number)
    title = f"{iterations[-1]} iterations of Adam through the world model"
    return neutral(figure, title, HEIGHT, "").update_layout(
        sliders=[_slider(iterations)], updatemenus=[_button()], margin={"t": TOP + 15, "b": 110}
    )


def _moving(name: str, descent: Descent, i: int) -> list[go.Scatter]:
    """The paths of iteration number ``i``."""
    true = _line(descent.true[i], MODEL_COLOURS[name], "true path", line={"width": 3})
    imagined = _line(
        descent.imagined[i], IMAGINED_COLOUR, "imagined path", mode="lines+markers", line={"width": 3, "dash": "dot"}
    )
    return [true, imagined]


def _goal(goal: np.ndarray, scene: Scene) -> list[go.Scatter]:
    """The goal as a star, and the circle within which it counts as reached."""
    angle = np.linspace(0, 2 * np.pi, 49)
    circle = goal + scene.radius * np.stack([np.cos(angle), np.sin(angle)], -1)
    star = _line(goal[None], GOAL_COLOUR, "goal", mode="markers", marker={"symbol": "star", "size": 14})
    return [_line(circle, GOAL_COLOUR, ""), star]


def _line(points: np.ndarray, colour: str, name: str, **options) -> go.Scatter:
    options = {"mode": "lines", "line": {}, "marker": {}, **options}
    look = {part: {"color": colour, **options.pop(part)} for part in ("line", "marker")}
    x, y = np.round(points, 1).T
    return go.Scatter(x=x, y=y, name=name, **look, **options)


def _slider(iterations: Sequence[int]) -> dict:
    now = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    steps = [
        {"label": str(iteration), "method": "animate", "args": [[str(i)], now]}
        for i, iteration in enumerate(iterations)
    ]
    return {"steps": steps, "currentvalue": {"prefix": "iteration "}, "pad": {"t": 30, "l": 80}}


def _button() -> dict:
    """The button that plays all iterations."""
    frame = {"fromcurrent": True, "frame": {"duration": PAUSE, "redraw": True}, "transition": {"duration": 0}}
    play = {"label": "play", "method": "animate", "args": [None, frame]}
    place = {"x": 0, "xanchor": "left", "y": 0, "yanchor": "top", "pad": {"t": 45}}
    return place | {
        "type": "buttons",
        "buttons": [play],
        "font": {"color": GREY},
        "bgcolor": CLEAR,
        "bordercolor": GREY,
    }
