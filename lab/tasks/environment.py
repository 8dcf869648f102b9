"""What the lab asks of the world that plans are executed in; `Task` fulfils it, and so may an environment of yours.

Dimensions: ``B`` problems, ``T`` environment steps, ``S`` state numbers, ``a`` action numbers. States are float64.
"""

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

    An environment that names no ``criteria`` has one, ``full``; one without a ``distance`` has none.
    """
    if not hasattr(environment, "distance"):
        return {}
    if not hasattr(environment, "criteria"):
        return {"full": np.asarray(environment.distance(states, goals))}
    return {name: environment.distance(states, goals, name) for name in environment.criteria}
