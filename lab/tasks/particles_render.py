"""The renderer of Rope and Granular: signed distances of all parts, evaluated straight at the wanted size in float32.

Each part is evaluated only in a window that holds it; where parts overlap, the larger cover counts.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import ceil

import numpy as np
from numpy.typing import NDArray

from lab.tasks.drawing import Image, draw_frames
from lab.tasks.task import Floats

VIEW = (-2.8, 2.8)  #: of both axes
COLOUR = (139, 90, 43)

#: one part of every picture: its middle (B, 2), its largest radius, and a signed distance of points (B, w, w)
Part = tuple[Image, float, Callable[[Image, Image], Image]]


def draw_ropes(nodes: Floats, radius: float, size: int) -> NDArray[np.uint8]:
    """Pictures (B, size, size, 3) of ropes through ``nodes`` (B, N, 2)."""
    flat = nodes.reshape(len(nodes), -1)
    return draw_frames(
        lambda chunk: _paint(_rods(chunk.reshape(len(chunk), -1, 2), radius), len(chunk), size), flat, size
    )


def draw_grains(grains: Floats, shapes: Sequence[Floats], size: int) -> NDArray[np.uint8]:
    """Pictures (B, size, size, 3) of polygons ``shapes``, (k, 2) each, at ``grains`` (B, N, 3): x, y, angle."""
    flat = grains.reshape(len(grains), -1)
    return draw_frames(
        lambda chunk: _paint(_polygons(chunk.reshape(len(chunk), -1, 3), shapes), len(chunk), size), flat, size
    )


def _paint(parts: Iterator[Part], pictures: int, size: int) -> NDArray[np.uint8]:
    scale = size / (VIEW[1] - VIEW[0])
    axis = (VIEW[0] + (np.arange(size) + 0.5) / scale).astype(np.float32)
    cover = np.zeros((pictures, size, size), np.float32)
    frames = np.arange(pictures)[:, None, None]
    for middle, radius, distance in parts:
        rows, columns = _window(middle, radius, size, scale)
        x, y = axis[columns] - middle[:, 0, None, None], axis[rows] - middle[:, 1, None, None]
        part_cover = np.clip(0.5 - scale * distance(x, y), 0, 1)
        cover[frames, rows, columns] = np.maximum(cover[frames, rows, columns], part_cover)
    return (255.5 - cover[..., None] * (255 - np.array(COLOUR, np.float32))).astype(np.uint8)


def _window(middle: Image, radius: float, size: int, scale: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows (B, w, 1) and columns (B, 1, w) of the pixels within ``radius`` of ``middle`` (B, 2), and a few more."""
    width = min(size, 2 * ceil(radius * scale + 1) + 1)
    # Clipped before it is made an integer: a part far off the picture has a window at its edge
    corner = np.clip((middle - VIEW[0]) * scale - width / 2, 0, size - width).astype(np.intp)
    pixels = corner[:, :, None] + np.arange(width)
    return pixels[:, 1, :, None], pixels[:, 0, None, :]


def _rods(nodes: Image, radius: float) -> Iterator[Part]:
    """The rounded rods between ``nodes`` (B, N, 2)."""
    middles, halves = (nodes[:, 1:] + nodes[:, :-1]) / 2, (nodes[:, 1:] - nodes[:, :-1]) / 2
    largest = float(np.linalg.norm(halves, axis=-1).max()) + radius
    for middle, half in zip(middles.swapaxes(0, 1), halves.swapaxes(0, 1), strict=True):
        yield middle, largest, partial(_to_rod, half, radius)


def _to_rod(half: Image, radius: float, x: Image, y: Image) -> Image:
    """Signed distance of points (B, w, w) to rods from minus to plus ``half`` (B, 2)."""
    u, v = half[:, 0, None, None], half[:, 1, None, None]
    along = np.clip((x * u + y * v) / np.maximum(u * u + v * v, 1e-12), -1, 1)
    return np.hypot(x - along * u, y - along * v) - np.float32(radius)


def _polygons(grains: Image, shapes: Sequence[Floats]) -> Iterator[Part]:
    for grain, shape in zip(grains.swapaxes(0, 1), shapes, strict=True):
        radius = float(np.linalg.norm(shape, axis=1).max())
        yield grain[:, :2], radius, partial(_to_polygon, grain[:, 2], shape.astype(np.float32))


def _to_polygon(angles: Image, shape: Image, x: Image, y: Image) -> Image:
    """Signed distance of points (B, w, w) to a convex polygon turned by ``angles`` (B,); beyond corners a bit less."""
    cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    x, y = cos * x + sin * y, cos * y - sin * x
    edges = np.roll(shape, -1, axis=0) - shape
    normals = np.stack([edges[:, 1], -edges[:, 0]], -1) / np.linalg.norm(edges, axis=1, keepdims=True)
    distance = np.full_like(x, -np.inf)
    for (u, v), offset in zip(normals, (normals * shape).sum(1), strict=True):
        distance = np.maximum(distance, u * x + v * y - offset)
    return distance
