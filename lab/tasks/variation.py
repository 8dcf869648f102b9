"""Factors of variation: a task as it is not in the training data, such as in another light or with a heavier ball.

A factor is an attribute of the task, whose usual value is that of the class. Every task has `SEEN`, which change its
pictures after they are drawn, and factors of its own. `lab.tasks.task.Task.varied` gives a copy with other values.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lab.errors import LabError, check_known, is_number


@dataclass(frozen=True)
class Factor:
    """What can vary: the usual value, the least and the largest, and what it is, with its unit."""

    usual: float
    low: float
    high: float
    about: str


#: those of pictures, which every task has
SEEN: Mapping[str, Factor] = {
    "hue": Factor(0.0, 0.0, 360.0, "degrees by which colours are turned; greys stay"),
    "light": Factor(1.0, 0.2, 1.0, "share of the light"),
    "noise": Factor(0.0, 0.0, 64.0, "standard deviation of a picture's noise, in levels of 0 to 255"),
}


class Seen(Protocol):
    """What is asked of a task whose pictures vary."""

    hue: float
    light: float
    noise: float


def check_variation(task: str, factors: Mapping[str, Factor], variation: object) -> Mapping[str, float]:
    """``variation`` itself; raises LabError unless it gives ``factors`` of ``task`` values within their ranges."""
    if not isinstance(variation, Mapping):
        raise LabError(f"{task}: a variation is a mapping from factors to numbers, got {variation!r}.")
    for name, value in variation.items():
        check_known(f"factor of {task}", name, factors)
        factor = factors[name]
        if not is_number(value, factor.low, factor.high):
            expected = f"a number from {factor.low:g} to {factor.high:g} ({factor.about})"
            raise LabError(f"{task}: the factor {name} is {expected}, got {value!r}.")
    return variation


def seen(task: Seen, pictures: NDArray[np.uint8], states: Any) -> NDArray[np.uint8]:
    """``pictures`` (B, size, size, 3) of ``states`` (B, S) in the task's hue, light and noise.

    The noise of a picture follows from its state: the same state looks the same again.
    """
    if (task.hue, task.light, task.noise) == (0.0, 1.0, 0.0):
        return pictures
    changed = (task.light * pictures) @ _turned(task.hue)
    if task.noise:
        changed += task.noise * np.stack([_noise(state, changed.shape[1:]) for state in np.asarray(states, float)])
    return np.clip(changed + 0.5, 0, 255).astype(np.uint8)


def _turned(hue: float) -> NDArray[np.float64]:
    """The matrix (3, 3) that turns colours by ``hue`` degrees about the axis of greys."""
    cos, sin = np.cos(np.deg2rad(hue)), np.sin(np.deg2rad(hue))
    across = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]]) / np.sqrt(3)
    return cos * np.eye(3) + (1 - cos) / 3 + sin * across


def _noise(state: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(state.tobytes()).digest()[:16], "little")
    return np.random.default_rng(seed).normal(size=shape)
