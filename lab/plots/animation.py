"""Plans as an animated GIF: of each what happens above what its model imagines, step by step."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from lab.plots.palette import GOAL_COLOUR, IMAGINED_COLOUR

GAP, BAR = 6, 20  #: pixels between pictures, and above a column
HOLD = 2000  #: ms that the last frame stays
COLOURS = 128
WHITE, BLACK = (255, 255, 255), (20, 20, 20)


@dataclass(frozen=True)
class Column:
    """One plan, or the goal: T pictures (T, size, size, 3) of what happens, and of what is imagined."""

    title: str
    true: np.ndarray
    imagined: np.ndarray | None = None
    reached: np.ndarray | None = None  #: (T,) whether the goal is; the title is then marked


def gif(columns: Sequence[Column], pace: int) -> bytes:
    """The columns side by side as a GIF that repeats, ``pace`` ms a step. What ends early keeps its last frame."""
    steps = max(len(column.true) for column in columns)
    frames = [_frame(columns, step).quantize(COLOURS) for step in range(steps)]
    buffer = io.BytesIO()
    durations = [pace] * (steps - 1) + [HOLD]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return buffer.getvalue()


def _frame(columns: Sequence[Column], step: int) -> Image.Image:
    size = columns[0].true.shape[1]
    picture = Image.new("RGB", ((size + GAP) * len(columns) + GAP, BAR + 2 * (size + GAP)), WHITE)
    pen = ImageDraw.Draw(picture)
    for i, column in enumerate(columns):
        x, t = GAP + i * (size + GAP), min(step, len(column.true) - 1)
        reached = column.reached is not None and bool(column.reached[t])
        pen.text((x, 4), f"{column.title}{', reached' if reached else ''}", GOAL_COLOUR if reached else BLACK)
        picture.paste(Image.fromarray(column.true[t]), (x, BAR))
        pen.rectangle((x - 1, BAR - 1, x + size, BAR + size), outline=GOAL_COLOUR if reached else BLACK)
        if column.imagined is not None:
            y = BAR + size + GAP
            imagined = Image.fromarray(column.imagined[t]).resize((size, size))
            picture.paste(imagined, (x, y))
            pen.rectangle((x - 1, y - 1, x + size, y + size), outline=IMAGINED_COLOUR)
            pen.text((x + 4, y + 2), "imagined", IMAGINED_COLOUR)
    return picture
