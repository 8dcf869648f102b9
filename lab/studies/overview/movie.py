"""A plan that leaves the data and one that does not, as a GIF: ``python -m lab.studies.overview.movie [FILE]``.

A panel for each model shows how the plan is optimised, then how it is executed. The pale background makes the picture
legible on dark and light pages.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch
from PIL import Image

from lab.benchmarks import card_of
from lab.files import ROOT, replacing
from lab.plots.palette import GOAL_COLOUR, IMAGINED_COLOUR, label
from lab.plots.style import in_style
from lab.studies.common.config import Config
from lab.studies.overview.making import TASK, Making, Movie, movie_of
from lab.tasks import make_task

FILE = ROOT / "figures" / "reference" / "overview.gif"
SIZE = (8.8, 5.5)  #: inches, at 100 pixels each
PAPER, INK, TRUE, DATA = "#FBFBFB", "#222222", "#1F4E79", "#56B4E9"
SHADE = 0.55  #: opacity of the places that the data visit
CELLS = 40  #: of these places, on each axis
PLANNING, EXECUTING, FIRST, LAST = 90, 110, 1200, 3500  #: milliseconds that a frame is shown
COLOURS = 64  #: of the palette that all frames share


class Panel:
    """The panel of one model; only its paths and bodies change from frame to frame."""

    def __init__(self, ax: Axes, movie: Movie, making: Making) -> None:
        self.making, self.steps = making, making.true.shape[1] - 1
        scene = card_of(movie.task).scene
        _background(ax, movie)
        ax.add_patch(
            Circle((movie.goal[0], movie.goal[1]), scene.radius, fill=False, color=GOAL_COLOUR, linewidth=2, zorder=3)
        )
        ax.plot(*movie.goal, "*", color=GOAL_COLOUR, markersize=17, markeredgecolor="white", zorder=6)
        ax.plot(*making.true[0, 0], "s", color=INK, markersize=9, markeredgecolor="white", zorder=6)
        (self.imagined,) = ax.plot([], [], ":o", color=IMAGINED_COLOUR, linewidth=3, markersize=7, zorder=5)
        (self.true,) = ax.plot([], [], "-", color=TRUE, linewidth=3, zorder=4)
        (self.ghost,) = ax.plot(
            [], [], "o", color="none", markeredgecolor=IMAGINED_COLOUR, markersize=16, markeredgewidth=2.5, zorder=7
        )
        (self.body,) = ax.plot([], [], "o", color=TRUE, markersize=16, markeredgecolor="white", zorder=7)
        name = {"base": "Base model", "adversarial": "After Adversarial World Modeling"}[making.model]
        ax.set_title(name, fontsize=14, color=INK)
        self.text = ax.text(0.5, -0.035, "", transform=ax.transAxes, ha="center", va="top", fontsize=13, color=INK)

    def plan(self, snapshot: int) -> None:
        """Show the imagined and the true path of one ``snapshot`` of the plan."""
        self.imagined.set_data(*self.making.imagined[snapshot].T)
        self.true.set_data(*self.making.true[snapshot].T)
        self.ghost.set_data([], [])
        self.body.set_data([], [])
        self.text.set_text(f"planning: step {self.making.iterations[snapshot]} of {self.making.iterations[-1]}")

    def execute(self, step: int) -> None:
        """Show the finished plan after ``step`` environment steps."""
        imagined, true = self.making.imagined[-1], self.making.true[-1]
        blocks = np.linspace(0, self.steps, len(imagined))
        self.imagined.set_data(*imagined.T)
        self.true.set_data(*true[: step + 1].T)
        self.ghost.set_data(*[[np.interp(step, blocks, axis)] for axis in imagined.T])
        self.body.set_data(*true[step : step + 1].T)
        self.text.set_text(f"executing: step {step} of {self.steps}")

    def conclude(self) -> None:
        """Say whether the plan reached the goal."""
        reached, distance = self.making.distance < 1, self.making.distance
        self.text.set_text(f"{'reached' if reached else 'missed'}: {distance:.1f} success radii from the goal")


@in_style
def figure_of(movie: Movie) -> tuple[Figure, list[Panel]]:
    """The figure and its panels, which each frame updates."""
    figure = Figure(figsize=SIZE, dpi=100, facecolor=PAPER)
    FigureCanvasAgg(figure)
    width, height = 0.47, 0.47 * SIZE[0] / SIZE[1]
    axes = [figure.add_axes((left, 0.172, width, height)) for left in (0.02, 0.51)]
    panels = [Panel(ax, movie, making) for ax, making in zip(axes, movie.makings, strict=True)]
    _legend(figure, movie, panels[0])
    return figure, panels


def frames(movie: Movie) -> Iterator[tuple[Image.Image, int]]:
    """Each frame, and for how many milliseconds it is shown."""
    figure, panels = figure_of(movie)
    snapshots, steps = len(movie.makings[0].iterations), panels[0].steps
    for i in range(snapshots):
        for panel in panels:
            panel.plan(i)
        yield _picture(figure), FIRST if i in (0, snapshots - 1) else PLANNING
    for step in range(steps + 1):
        for panel in panels:
            panel.execute(step)
        yield _picture(figure), EXECUTING
    for panel in panels:
        panel.conclude()
    yield _picture(figure), LAST


def save(movie: Movie, path: Path) -> None:
    """Write the frames to ``path`` as a GIF that loops."""
    pictures, times = zip(*frames(movie), strict=True)
    palette = pictures[-1].quantize(COLOURS)
    first, *rest = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
    with replacing(path) as temporary:
        first.save(temporary, save_all=True, append_images=rest, duration=list(times), loop=0, optimize=False)


def _background(ax: Axes, movie: Movie) -> None:
    """The empty scene, pale, and on it the places that the training data visit."""
    task, (low, high) = make_task(movie.task), card_of(movie.task).scene.view
    extent = (low, high, high, low)
    states = task.random_states(np.random.default_rng(0), 9)[0]
    ax.imshow(np.median(task.render(states, 400), axis=0).astype(np.uint8), extent=extent, alpha=0.3)
    edges = np.linspace(low, high, CELLS + 1)
    counts, _, _ = np.histogram2d(movie.data[:, 1], movie.data[:, 0], [edges, edges])
    cells = np.broadcast_to(to_rgba(DATA, SHADE), (CELLS, CELLS, 4)) * (counts > 0)[..., None]
    ax.imshow(cells, extent=extent)
    ax.set(xlim=(low, high), ylim=(high, low), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _legend(figure: Figure, movie: Movie, panel: Panel) -> None:
    """What the lines and colours mean, and below it what is shown."""
    star: dict[str, Any] = {"marker": "*", "markersize": 14, "color": GOAL_COLOUR, "linestyle": "none"}
    handles = {
        "training data": Patch(color=DATA, alpha=SHADE),
        "start": Line2D([], [], marker="s", color=INK, markersize=8, linestyle="none"),
        "goal and success radius": Line2D([], [], **star),
        "imagined path": panel.imagined,
        "true path": panel.true,
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="center",
        bbox_to_anchor=(0.5, 0.073),
        ncols=5,
        fontsize=11.5,
        labelcolor=INK,
        handletextpad=0.5,
        columnspacing=1.2,
    )
    steps = movie.makings[0].iterations[-1]
    caption = (
        f"{label(movie.task)}, test problem {movie.problem}: {steps} steps of {label(movie.planner)} through each "
        "world model, executed open loop"
    )
    figure.text(0.5, 0.022, caption, ha="center", va="center", fontsize=12, color=INK)


def _picture(figure: Figure) -> Image.Image:
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


if __name__ == "__main__":
    save(movie_of(Config(TASK)), Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
