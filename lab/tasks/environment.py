"""What the lab asks of the world that plans are executed in; `Task` fulfils it, and so may an environment of yours.

Dimensions: ``B`` problems, ``T`` environment steps, ``S`` state numbers, ``a`` action numbers. States are float64.
"""

from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lab.errors import LabError, has_methods

Floats = NDArray[np.float64]


@runtime_checkable
class Environment(Protocol):
    """The true world, batched over problems, and a pure function of its arguments, so that a replay is exact.

    Three more methods are used where there are: ``distance(states (B, S), goals (B, S)) -> (B,)``, below 1 is success;
    ``executed`` (see the function of this name); and ``criteria``, names that ``distance`` takes as a third argument.
    """

    def simulate(self, starts: Floats, actions: Floats) -> Floats:
        """Execute ``actions`` (B, T, a) from ``starts`` (B, S); returns states (B, T + 1, S), the start included."""
        ...

    def observe(self, states: Floats) -> Any:
        """What a world model sees of ``states`` (..., S): whatever its own ``observe`` takes."""
        ...


def check_environment(environment: object) -> None:
    """Raise LabError unless ``environment`` is one."""
    if not has_methods(environment, "simulate", "observe"):
        words = "An environment has methods simulate and observe, as that of make_task('wall') has"
        raise LabError(f"{words}, got {environment!r:.80}.")


def simulate(environment: Environment, starts: Floats, actions: Floats) -> Floats:
    """`Environment.simulate`; raises LabError where the states are not as many as the actions ask for."""
    states = np.asarray(environment.simulate(starts, actions))
    expected = (len(starts), actions.shape[1] + 1, starts.shape[1])
    if states.shape != expected:
        raise LabError(
            f"{type(environment).__name__}.simulate should return states {expected} for actions {actions.shape}, the "
            f"start included, got {states.shape}."
        )
    return states


def executed(environment: Environment, actions: Floats) -> Floats:
    """What ``environment`` really executes where it is asked for ``actions`` (..., a), such as forces clipped to a box.

    All of it, unless the environment has a method ``executed`` that says otherwise.
    """
    return environment.executed(actions) if hasattr(environment, "executed") else actions


def distances(environment: Environment, states: Floats, goals: Floats) -> dict[str, Floats]:
    """By success criterion, how far (B,) ``states`` (B, S) are from ``goals`` (B, S), in success radii.

    An environment that names no ``criteria`` has one, ``full``; one without a ``distance`` has none. An infinite
    distance is a goal out of reach. Raises LabError for distances of another shape, and for NaN.
    """
    if not hasattr(environment, "distance"):
        return {}
    if not hasattr(environment, "criteria"):
        found = {"full": environment.distance(states, goals)}
    else:
        found = {name: environment.distance(states, goals, name) for name in environment.criteria}
    return {name: _radii(environment, radii, len(states)) for name, radii in found.items()}


def numbers(value: Any) -> NDArray[Any] | None:
    """``value``, such as an array, nested lists or a tensor, as an array of its own precision; None if it is none."""
    with suppress(TypeError, ValueError, RuntimeError):  # of ragged lists, and of tensors that need a gradient
        if (array := np.asarray(value)).dtype.kind in "biuf":
            return array
    return None


def described(value: Any) -> str:
    """What ``value`` is, for a message: its shape if it has numbers, otherwise its type."""
    array = numbers(value)
    return type(value).__name__ if array is None else f"shape {array.shape}"


def trajectories(states: Any, actions: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """``states`` (N, T + 1, S) and ``actions`` (N, T, a) as arrays.

    Raises LabError for other shapes, without an episode, and for numbers that are not finite.
    """
    first, second = numbers(states), numbers(actions)
    if (
        first is None
        or second is None
        or not (
            first.ndim == second.ndim == 3 and 0 < len(first) == len(second) and first.shape[1] == second.shape[1] + 1
        )
    ):
        raise LabError(
            "Trajectories are states (N, T + 1, S) and actions (N, T, a) of the same N episodes, one at least, got "
            f"{described(states)} and {described(actions)}."
        )
    for name, array in (("states", first), ("actions", second)):
        if not np.isfinite(array).all():
            raise LabError(f"The {name} of trajectories must be finite numbers, got NaN or infinity.")
    return first, second


def _radii(environment: Environment, found: Any, problems: int) -> Floats:
    """``found``, which a method ``distance`` returned, as distances (B,)."""
    radii = numbers(found)
    if radii is None or radii.shape != (problems,) or np.isnan(radii).any():
        got = "NaN" if radii is not None and radii.shape == (problems,) else described(found)
        raise LabError(
            f"{type(environment).__name__}.distance should return the distances (B,) of B = {problems} states from "
            f"their goals, below 1 for success, got {got}."
        )
    return radii
