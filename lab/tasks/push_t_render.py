"""PushT's renderer: signed distances of all shapes, evaluated straight at the wanted size in float32."""

import numpy as np

from lab.tasks.drawing import Image, draw_frames
from lab.tasks.task import Floats

TABLE = 512.0  # px along each side of the reference's picture
WALL_COLOUR, WALL_HALF_WIDTH = (211, 211, 211), 2.0
BLOCK_COLOUR, PUSHER_COLOUR, PUSHER_CENTRE_COLOUR = (143, 163, 184), (65, 105, 225), (78, 126, 255)
PUSHER_RADIUS, PUSHER_CENTRE_RADIUS = 15.0, 11.0


def draw(states: Floats, size: int) -> np.ndarray:
    """Pictures (B, size, size, 3) of ``states`` (B, 7)."""
    axis = ((np.arange(size) + 0.5) * TABLE / size).astype(np.float32)
    background = _background(axis, size)
    return draw_frames(lambda chunk: _draw(chunk, axis, background), states, size)


def _background(axis: Image, size: int) -> Image:
    """The empty table (size, size, 3): white within light grey walls."""
    to_wall = np.minimum(np.abs(axis - 5), np.abs(axis - 506))
    inside = (axis > 5 - WALL_HALF_WIDTH) & (axis < 506 + WALL_HALF_WIDTH)
    line = np.clip((WALL_HALF_WIDTH - to_wall) * size / TABLE + 0.5, 0, 1)
    wall = np.maximum(line[:, None] * inside, line[None, :] * inside[:, None])[..., None]
    return (255 - wall * (255 - np.array(WALL_COLOUR))).astype(np.float32)


def _draw(states: Image, axis: Image, background: Image) -> np.ndarray:
    scale = len(axis) / TABLE
    # Distance to the T in its own frame: the nearer of its two boxes
    cos, sin = np.cos(states[:, 4])[:, None, None], np.sin(states[:, 4])[:, None, None]
    dx = (axis[None] - states[:, 2:3])[:, None, :]
    dy = (axis[None] - states[:, 3:4])[:, :, None]
    x, y = np.abs(cos * dx + sin * dy), cos * dy - sin * dx
    block = np.minimum(_box(x, np.abs(y - 15), 60, 15), _box(x, np.abs(y - 75), 15, 45))
    # Distance to the pusher
    dx, dy = (axis[None] - states[:, 0:1])[:, None, :], (axis[None] - states[:, 1:2])[:, :, None]
    pusher = np.sqrt(dx * dx + dy * dy)
    picture = np.broadcast_to(background, (len(states), *background.shape))
    layers = ((block, BLOCK_COLOUR), (pusher - PUSHER_RADIUS, PUSHER_COLOUR),
              (pusher - PUSHER_CENTRE_RADIUS, PUSHER_CENTRE_COLOUR))  # fmt: skip
    for distance, colour in layers:
        cover = np.clip(0.5 - distance * scale, 0, 1)[..., None]
        picture = picture + cover * (np.array(colour, np.float32) - picture)
    return (picture + 0.5).astype(np.uint8)


def _box(x: Image, y: Image, half_width: float, half_height: float) -> Image:
    """Signed distance to a box centred at 0, for the absolute coordinates ``x`` and ``y``."""
    u, v = x - np.float32(half_width), y - np.float32(half_height)
    outside = np.hypot(np.maximum(u, 0), np.maximum(v, 0))
    return outside + np.minimum(np.maximum(u, v), 0)
