"""A plan in the making, to be played: the scene with true and imagined paths above the loss, iteration by iteration."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from lab.evaluation.episode import Attempt, Episode, Unfolded
from lab.plots.style import MODEL_COLOURS
from lab.tasks import make_task, point_maze, push_t, wall

GOAL_COLOUR = "#009E73"
IMAGINED_COLOUR = "#A259C4"  #: dotted: what the model imagines; solid in the model's colour: what really happens
PICTURE = 448  #: pixels of the scene's background
CLICKS = 30  #: points along each side of the grid that answers clicks
PAST = "#777777"
HALO = "#FFFFFF"  #: sets paths off from the picture
GREY = "rgba(128, 128, 128, 0.35)"
DOTTED = {"color": IMAGINED_COLOUR, "width": 2, "dash": "dot"}
CLEAR = "rgba(0, 0, 0, 0)"


@dataclass(frozen=True)
class Scene:
    """How a task is laid out on paper: world coordinates, x right, y down."""

    view: tuple[float, float]  #: of both axes, as in the task's pictures
    bodies: tuple[tuple[str, int, int], ...]  #: name, and where its x and y are in a state
    radius: float  #: of the circle within which success is
    outline: Callable[[np.ndarray], np.ndarray]  #: the movable things of one state (S,) as a line (n, 2)
    unit: str


def _circle(x: float, y: float, radius: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 49)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], -1)


def _block_and_pusher(state: np.ndarray) -> np.ndarray:
    """The T and the pusher, separated by a row of NaN."""
    corners = np.array([(-60, 0), (60, 0), (60, 30), (15, 30), (15, 120), (-15, 120), (-15, 30), (-60, 30), (-60, 0)])
    cos, sin = np.cos(state[4]), np.sin(state[4])
    block = corners @ np.array([[cos, sin], [-sin, cos]]) + state[2:4]
    return np.concatenate([block, np.full((1, 2), np.nan), _circle(*state[:2], push_t.PUSHER_RADIUS)])


SCENES = {
    "wall": Scene(
        wall.VIEW, (("dot", 0, 1),), wall.Wall.radius, lambda s: _circle(s[0], s[1], 2 * wall.DOT_STD), "px"
    ),
    "point_maze": Scene(
        point_maze.VIEW, (("ball", 0, 1),), point_maze.PointMaze.radius,
        lambda s: _circle(s[0], s[1], point_maze.DRAWN_RADIUS), "m",
    ),
    "push_t": Scene((0.0, 512.0), (("pusher", 0, 1), ("block", 2, 3)), 20.0, _block_and_pusher, "px"),
}  # fmt: skip


def plan_figure(episode: Episode, unfolded: Unfolded, attempt: int, model: str) -> go.Figure:
    """One attempt of ``episode`` as an animation over its snapshots; ``model`` names whose colour the paths have."""
    scene, plan = SCENES[episode.task], episode.attempts[attempt]
    colour = MODEL_COLOURS[model]
    losses = np.concatenate([plan.loss, unfolded.true_loss])
    span = np.clip([losses.min() / 1.5, losses.max() * 4], 1e-12, None)
    fixed = [_click_grid(episode.task), *_goal(scene, episode.goal), *_so_far(scene, episode, plan.step)]
    fixed += _loss_lines(plan, unfolded, colour)
    moving = [_snapshot(episode, unfolded, plan, span[1], i) for i in range(len(plan.iterations))]
    shown = [go.Scatter(**style, **data) for style, data in zip(_styles(colour), moving[-1], strict=True)]
    names = [str(iteration) for iteration in plan.iterations]
    traces = list(range(len(fixed), len(fixed) + len(shown)))
    return go.Figure(
        [*fixed, *shown],
        _layout(scene, _picture(episode, plan.step), span)
        | {"sliders": [_slider(names)], "updatemenus": [_buttons(names)]},
        [{"data": data, "traces": traces, "name": name} for data, name in zip(moving, names, strict=True)],
    )


def distance_figure(episode: Episode, model: str, criterion: str = "full") -> go.Figure:
    """How far from the goal, in success radii: true at every environment step, imagined at the block boundaries."""
    colour = MODEL_COLOURS[model]
    distance = episode.distance[criterion]
    figure = go.Figure(go.Scatter(y=distance, mode="lines", name="true", line={"color": colour, "width": 3}))
    if episode.imagined_distance is not None:
        figure.add_scatter(
            x=episode.blocks, y=episode.imagined_distance, mode="lines+markers", name="imagined", line=DOTTED
        )
    figure.add_scatter(
        x=episode.ends, y=distance[episode.ends], mode="markers", name="success is judged here",
        marker={"color": GOAL_COLOUR, "symbol": "diamond", "size": 9},
    )  # fmt: skip
    figure.add_hrect(0, 1, fillcolor=GOAL_COLOUR, opacity=0.15, line_width=0)
    figure.update_xaxes(title="environment step")
    figure.update_yaxes(title="success radii", rangemode="tozero")
    return figure.update_layout(height=260, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend=_legend(1.02))


def _styles(colour: str) -> list[dict]:
    """How the things that `_snapshot` places look."""
    below = {"xaxis": "x2", "yaxis": "y2", "showlegend": False, "hoverinfo": "skip"}
    marker = {"color": [IMAGINED_COLOUR, colour], "size": 10, "line": {"color": HALO, "width": 2}}
    return [
        _stroke(HALO, 5, hidden=True),
        _stroke(colour, 3, name="what really happens"),
        _stroke(HALO, 4, hidden=True),
        _stroke(IMAGINED_COLOUR, 3, dash="dot", name="what the model imagines"),
        _stroke(colour, 3, hidden=True),
        below | {"mode": "markers", "marker": marker},
        below | {"mode": "text", "textposition": "bottom left"},
    ]


def _snapshot(episode: Episode, unfolded: Unfolded, plan: Attempt, top: float, i: int) -> list[dict]:
    """Where things are in snapshot ``i``: paths, what ends where, and the marks on the loss curves."""
    scene, task = SCENES[episode.task], make_task(episode.task)
    true = _xy(_paths(unfolded.states[i], scene.bodies))
    felt = [task.proprio_fields.index(task.state_fields[j]) for j in scene.bodies[0][1:]]
    imagined = _xy(unfolded.imagined_proprio[i][:, felt])
    text = f"ends {unfolded.distance[i]:.1f} success radii from the goal"
    return [
        true, true, imagined, imagined,
        _xy(scene.outline(unfolded.states[i, -1])),
        {"x": [plan.iterations[i]] * 2, "y": [unfolded.loss[i], unfolded.true_loss[i]]},
        {"x": [plan.iterations[-1]], "y": [0.9 * top], "text": [text]},
    ]  # fmt: skip


def _loss_lines(plan: Attempt, unfolded: Unfolded, colour: str) -> list[go.Scatter]:
    """The loss as the planner sees it at every iteration, and what it really is at the snapshots."""
    axes = {"xaxis": "x2", "yaxis": "y2", "mode": "lines", "showlegend": False}
    imagined = go.Scatter(y=plan.loss, name="imagined loss", line=DOTTED, **axes)
    true = go.Scatter(
        x=plan.iterations, y=unfolded.true_loss, name="true loss", line={"color": colour, "width": 3}, **axes
    )
    return [imagined, true]


def _goal(scene: Scene, goal: np.ndarray) -> list[go.Scatter]:
    circles = [_circle(goal[x], goal[y], scene.radius) for _, x, y in scene.bodies]
    rings = _line(_joined(circles), GOAL_COLOUR, 2, dash="dash", name="goal, and the circle of success")
    rings.update(fill="toself", fillcolor="rgba(0, 158, 115, 0.18)")
    return [rings, _line(scene.outline(goal), GOAL_COLOUR, 3, hidden=True)]


def _so_far(scene: Scene, episode: Episode, step: int) -> list[go.Scatter]:
    """Where it started, and under MPC the way already gone."""
    start = _line(scene.outline(episode.start), PAST, 2, hidden=True)
    gone = _paths(episode.states[: step + 1], scene.bodies)
    return [
        start,
        _line(gone, HALO, 4, hidden=True),
        _line(gone, PAST, 3, dash="dash", name="way so far", hidden=step == 0),
    ]


def _click_grid(task_name: str) -> go.Scatter:
    """Invisible points that a click on the scene can hit: Plotly reports clicks on points only."""
    task, view = make_task(task_name), SCENES[task_name].view
    _, x, y = SCENES[task_name].bodies[0]
    ranges = [np.clip([task.state_low[i], task.state_high[i]], *view) for i in (x, y)]
    xs, ys = (axis.ravel() for axis in np.meshgrid(*(np.linspace(*limits, CLICKS) for limits in ranges)))
    invisible = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=xs, y=ys, mode="markers", marker={"size": 10, "opacity": 0}, hoverinfo="none", showlegend=False,
        selected=invisible, unselected=invisible,
    )  # fmt: skip


def _line(
    points: np.ndarray, colour: str, width: float, *, dash: str = "solid", name: str = "", hidden: bool = False
) -> go.Scatter:
    return go.Scatter(**_stroke(colour, width, dash=dash, name=name, hidden=hidden), **_xy(points))


def _stroke(colour: str, width: float, *, dash: str = "solid", name: str = "", hidden: bool = False) -> dict:
    """The look of a line; a hidden one is not in the legend."""
    line = {"color": colour, "width": width, "dash": dash}
    return {"mode": "lines", "line": line, "name": name, "hoverinfo": "skip", "showlegend": not hidden}


def _xy(points: np.ndarray) -> dict:
    return {"x": points[:, 0].astype(np.float32), "y": points[:, 1].astype(np.float32)}


def _paths(states: np.ndarray, bodies: tuple[tuple[str, int, int], ...]) -> np.ndarray:
    return _joined([states[:, [x, y]] for _, x, y in bodies])


def _joined(lines: list[np.ndarray]) -> np.ndarray:
    """Several lines as one, NaN between them."""
    gap = np.full((1, 2), np.nan)
    return np.concatenate([part for line in lines for part in (line, gap)])


def _picture(episode: Episode, step: int) -> str:
    """The scene where the plan is made, as a data URI."""
    frame = make_task(episode.task).render(episode.states[step][None], PICTURE)[0]
    return png_uri(frame)


def png_uri(frame: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 as a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _layout(scene: Scene, picture: str, span: np.ndarray) -> dict:
    low, high = scene.view
    hidden = {"visible": False, "fixedrange": True, "constrain": "domain"}
    image = {
        "source": picture, "xref": "x", "yref": "y", "x": low, "y": low, "sizex": high - low, "sizey": high - low,
        "sizing": "stretch", "layer": "below",
    }  # fmt: skip
    return {
        "xaxis": hidden | {"range": [low, high], "domain": [0, 1]},
        "yaxis": hidden | {"range": [high, low], "domain": [0.37, 1], "scaleanchor": "x"},
        "xaxis2": {"domain": [0, 1], "anchor": "y2", "title": "iteration", "fixedrange": True},
        "yaxis2": {
            "domain": [0, 0.23], "anchor": "x2", "title": "loss (log scale)", "type": "log", "range": np.log10(span),
            "dtick": 1, "fixedrange": True,
        },
        "images": [image],
        "height": 800,
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "dragmode": False,
        "legend": _legend(0.36, "top"),
    }  # fmt: skip


def _legend(y: float, anchor: str = "bottom") -> dict:
    return {"orientation": "h", "x": 0, "xanchor": "left", "y": y, "yanchor": anchor}


def _animate(frame: str | None) -> dict:
    options = {"mode": "immediate", "transition": {"duration": 0}, "frame": {"duration": 120, "redraw": True}}
    return {"method": "animate", "args": [frame if frame is None else [frame], options]}


def _slider(names: list[str]) -> dict:
    return {
        "steps": [_animate(name) | {"label": name} for name in names],
        "active": len(names) - 1,
        "currentvalue": {"prefix": "Iteration ", "font": {"size": 14}},
        "ticklen": 4,
        "minorticklen": 0,
        "pad": {"t": 50},
    }


def _buttons(names: list[str]) -> dict:
    pause = {"mode": "immediate", "frame": {"duration": 0}}
    return {
        "type": "buttons", "direction": "left", "showactive": False, "x": 0, "xanchor": "left", "y": 0,
        "yanchor": "top", "pad": {"t": 135}, "bgcolor": CLEAR, "bordercolor": GREY,
        "buttons": [
            {"label": "Play", **_play(names)},
            {"label": "Pause", "method": "animate", "args": [[None], pause]},
            {"label": "Reset", **_animate(names[0])},
        ],
    }  # fmt: skip


def _play(names: list[str]) -> dict:
    """From the first iteration to the last, however far one is."""
    options = {"mode": "immediate", "transition": {"duration": 0}, "frame": {"duration": 120, "redraw": True}}
    return {"method": "animate", "args": [names, options]}
