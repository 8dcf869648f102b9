"""PushT's renderer: signed distances of all shapes, evaluated straight at the wanted size in float32.

Each shape is evaluated only in a window that holds it, a fraction of the picture.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from lab.tasks.drawing import Image, draw_frames
from lab.tasks.task import Floats

TABLE = 512.0  # px along each side of the authors' picture
WALL_COLOUR, WALL_HALF_WIDTH = (211, 211, 211), 2.0
BLOCK_COLOUR, PUSHER_COLOUR, PUSHER_CENTRE_COLOUR = (143, 163, 184), (65, 105, 225), (78, 126, 255)
BLOCK_RADIUS, CENTRE_OF_GRAVITY = 77.0, 45.0
PUSHER_RIM = 4.0


def draw(states: Floats, size: int, pusher: float) -> NDArray[np.uint8]:
    """Pictures (B, size, size, 3) of ``states`` (B, 7), with a ``pusher`` of that radius in px."""
    axis = ((np.arange(size) + 0.5) * TABLE / size).astype(np.float32)
    background = _background(axis, size)
    return draw_frames(lambda chunk: _draw(chunk, axis, background, pusher), states, size)


def _background(axis: Image, size: int) -> Image:
    """The empty table (size, size, 3): white within light grey walls."""
    to_wall = np.minimum(np.abs(axis - 5), np.abs(axis - 506))
    inside = (axis > 5 - WALL_HALF_WIDTH) & (axis < 506 + WALL_HALF_WIDTH)
    line = np.clip((WALL_HALF_WIDTH - to_wall) * size / TABLE + 0.5, 0, 1)
    wall = np.maximum(line[:, None] * inside, line[None, :] * inside[:, None])[..., None]
    return (255 - wall * (255 - np.array(WALL_COLOUR))).astype(np.float32)


def _draw(states: Image, axis: Image, background: Image, radius: float) -> NDArray[np.uint8]:
    scale = len(axis) / TABLE
    picture = np.repeat(background[None], len(states), axis=0)
    cos, sin = np.cos(states[:, 4])[:, None, None], np.sin(states[:, 4])[:, None, None]
    centre = states[:, 2:4] + CENTRE_OF_GRAVITY * np.stack([-sin, cos], -1)[:, 0, 0]
    rows, columns = _window(centre, BLOCK_RADIUS, len(axis))
    # Distance to the T in its own frame: the nearer of its two boxes
    dx, dy = axis[columns] - states[:, 2, None, None], axis[rows] - states[:, 3, None, None]
    x, y = np.abs(cos * dx + sin * dy), cos * dy - sin * dx
    block = np.minimum(_box(x, np.abs(y - 15), 60, 15), _box(x, np.abs(y - 75), 15, 45))
    _paint(picture, rows, columns, (block * scale, BLOCK_COLOUR))
    rows, columns = _window(states[:, :2], radius, len(axis))
    dx, dy = axis[columns] - states[:, 0, None, None], axis[rows] - states[:, 1, None, None]
    pusher = np.sqrt(dx * dx + dy * dy)
    disc, centre_disc = (pusher - radius) * scale, (pusher - radius + PUSHER_RIM) * scale
    _paint(picture, rows, columns, (disc, PUSHER_COLOUR), (centre_disc, PUSHER_CENTRE_COLOUR))
    return (picture + 0.5).astype(np.uint8)


def _window(centre: Image, radius: float, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows (B, w, 1) and columns (B, 1, w) of the pixels within ``radius`` px of ``centre`` (B, 2), and a few more."""
    width = min(size, 2 * ceil(radius * size / TABLE + 1) + 1)
    # Clipped before it is made an integer: an object far off the table has a window at the picture's edge
    corner = np.clip(centre * (size / TABLE) - width / 2, 0, size - width).astype(np.intp)
    pixels = corner[:, :, None] + np.arange(width)
    return pixels[:, 1, :, None], pixels[:, 0, None, :]


def _paint(picture: Image, rows: np.ndarray, columns: np.ndarray, *layers: tuple[Image, tuple[int, int, int]]) -> None:
    """Lay shapes, each a signed distance in pixels (B, w, w) and a colour, over a window of ``picture``."""
    frames = np.arange(len(picture))[:, None, None]
    patch = picture[frames, rows, columns]
    for distance, colour in layers:
        cover = np.clip(0.5 - distance, 0, 1)[..., None]
        patch += cover * (np.array(colour, np.float32) - patch)
    picture[frames, rows, columns] = patch


def _box(x: Image, y: Image, half_width: float, half_height: float) -> Image:
    """Signed distance to a box centred at 0, for the absolute coordinates ``x`` and ``y``."""
    u, v = x - np.float32(half_width), y - np.float32(half_height)
    outside = np.hypot(np.maximum(u, 0), np.maximum(v, 0))
    return outside + np.minimum(np.maximum(u, v), 0)
