"""PushT's renderer: signed distances of all shapes, evaluated straight at the wanted size in float32.

Each shape is evaluated only in a window that holds it, a fraction of the picture.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from lab.tasks.drawing import Image, draw_frames
from lab.tasks.push_t_geometry import BAR, BLOCK_RADIUS, CENTRE, SIDE, STEM, WALL_HALF_WIDTH, WALL_HIGH, WALL_LOW, Box
from lab.tasks.task import Floats

WALL_COLOUR = (211, 211, 211)
BLOCK_COLOUR, PUSHER_COLOUR, PUSHER_CENTRE_COLOUR = (143, 163, 184), (65, 105, 225), (78, 126, 255)
PUSHER_RIM = 4.0


def draw(states: Floats, size: int, pusher: float) -> NDArray[np.uint8]:
    """Pictures (B, size, size, 3) of ``states`` (B, 7), with a ``pusher`` of that radius in px."""
    axis = ((np.arange(size) + 0.5) * SIDE / size).astype(np.float32)
    background = _background(axis, size)
    return draw_frames(lambda chunk: _draw(chunk, axis, background, pusher), states, size)


def _background(axis: Image, size: int) -> Image:
    """The empty table (size, size, 3): white within light grey walls."""
    to_wall = np.minimum(np.abs(axis - WALL_LOW), np.abs(axis - WALL_HIGH))
    inside = (axis > WALL_LOW - WALL_HALF_WIDTH) & (axis < WALL_HIGH + WALL_HALF_WIDTH)
    line = np.clip((WALL_HALF_WIDTH - to_wall) * size / SIDE + 0.5, 0, 1)
    wall = np.maximum(line[:, None] * inside, line[None, :] * inside[:, None])[..., None]
    return (255 - wall * (255 - np.array(WALL_COLOUR))).astype(np.float32)


def _draw(states: Image, axis: Image, background: Image, radius: float) -> NDArray[np.uint8]:
    scale = len(axis) / SIDE
    picture = np.repeat(background[None], len(states), axis=0)
    cos, sin = np.cos(states[:, 4])[:, None, None], np.sin(states[:, 4])[:, None, None]
    centre = states[:, 2:4] + CENTRE[1] * np.stack([-sin, cos], -1)[:, 0, 0]
    rows, columns = _window(centre, BLOCK_RADIUS, len(axis))
    # Distance to the T in its own frame: the nearer of its two boxes
    dx, dy = axis[columns] - states[:, 2, None, None], axis[rows] - states[:, 3, None, None]
    x, y = np.abs(cos * dx + sin * dy), cos * dy - sin * dx
    block = np.minimum(_to_box(x, y, BAR), _to_box(x, y, STEM))
    _paint(picture, rows, columns, (block * scale, BLOCK_COLOUR))
    rows, columns = _window(states[:, :2], radius, len(axis))
    dx, dy = axis[columns] - states[:, 0, None, None], axis[rows] - states[:, 1, None, None]
    pusher = np.sqrt(dx * dx + dy * dy)
    disc, centre_disc = (pusher - radius) * scale, (pusher - radius + PUSHER_RIM) * scale
    _paint(picture, rows, columns, (disc, PUSHER_COLOUR), (centre_disc, PUSHER_CENTRE_COLOUR))
    return (picture + 0.5).astype(np.uint8)


def _window(centre: Image, radius: float, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows (B, w, 1) and columns (B, 1, w) of the pixels within ``radius`` px of ``centre`` (B, 2), and a few more."""
    width = min(size, 2 * ceil(radius * size / SIDE + 1) + 1)
    # Clipped before it is made an integer: an object far off the table has a window at the picture's edge
    corner = np.clip(centre * (size / SIDE) - width / 2, 0, size - width).astype(np.intp)
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


def _to_box(x: Image, y: Image, box: Box) -> Image:
    """Signed distance, px, to a ``box`` of the block, in whose frame a point has the height ``y`` and the side |x|."""
    u, v = x - np.float32(box.half_width), np.abs(y - np.float32(box.middle)) - np.float32(box.half_height)
    outside = np.hypot(np.maximum(u, 0), np.maximum(v, 0))
    return outside + np.minimum(np.maximum(u, v), 0)
