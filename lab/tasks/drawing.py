"""Drawing primitives of the numpy renderers: anti-aliased shapes evaluated straight at the wanted size."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lab.tasks.task import Floats

Image = NDArray[np.floating]  #: of float32, which the types of NumPy's functions lose sight of


def pixel_centres(size: int, low: float, high: float) -> Image:
    """World coordinates (size,) of the centres of ``size`` pixels that together span [low, high]."""
    return (low + (np.arange(size) + 0.5) * (high - low) / size).astype(np.float32)


def interval(size: int, low: float, high: float, start: float, stop: float) -> Image:
    """How much (0 to 1) of each of ``size`` pixels spanning [low, high] lies in [start, stop]; (size,)."""
    edges = low + np.arange(size + 1) * (high - low) / size
    overlap = np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start)
    return (np.clip(overlap, 0.0, None) * size / (high - low)).astype(np.float32)


def box(size: int, low: float, high: float, x: tuple[float, float], y: tuple[float, float]) -> Image:
    """Coverage (size, size), rows along y, of the rectangle ``x`` by ``y`` in a view of [low, high] squared."""
    return np.outer(interval(size, low, high, *y), interval(size, low, high, *x))


def draw_frames(draw: Callable[[Image], NDArray[np.uint8]], states: Floats, size: int) -> NDArray[np.uint8]:
    """Pictures (B, size, size, 3): ``draw`` applied to a few states (b, S) at a time, so that they stay in cache."""
    frames = np.empty((len(states), size, size, 3), dtype=np.uint8)
    chunk = max(1, 65536 // size**2)
    for i in range(0, len(states), chunk):
        frames[i : i + chunk] = draw(states[i : i + chunk].astype(np.float32))
    return frames
