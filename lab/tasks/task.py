"""The contract every task fulfils: an `Environment` with its renderer, data policy and success criterion.

The built-in tasks follow the paper's code, called "the authors'" in all files: its folder ``env/`` in the repository
qw3rtman/robust-world-model-planning on GitHub, commit 07726ac.

Dimensions: ``B`` problems, ``T`` environment steps, ``S`` state numbers, ``A`` action numbers, ``P`` proprioceptive
numbers. States are float64 arrays; everything is a pure function of its arguments, so a replay is exact.
"""

import copy
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from lab.errors import LabError
from lab.tasks.doors import guard
from lab.tasks.environment import Floats
from lab.tasks.variation import SEEN, Factor, check_variation


def camel_case(name: str) -> str:
    """``push_t`` as PushT."""
    return name.title().replace("_", "")


def env_id(name: str) -> str:
    """The Gymnasium id of the task called ``name``: known before the task's module is loaded."""
    return f"lab/{camel_case(name)}-v0"


class Task(ABC):
    """A control problem: how the world moves, what it looks like, and when a goal counts as reached.

    Its methods raise LabError for arguments of another shape, see `lab.tasks.doors`.
    """

    name: ClassVar[str]  #: in results, URLs, notebooks and on the command line: small letters, digits and _
    place: ClassVar[int]  #: of a built-in task in lists; those without one follow by name
    label: ClassVar[str]  #: as people write it; without one of its own, ``push_t`` is PushT
    env_id: ClassVar[str]  #: the Gymnasium id, which follows from the name
    kind: ClassVar[str] = "bodies"  #: of matter: a few bodies, or particles; studies are made for one of them
    state_fields: ClassVar[tuple[str, ...]]  #: names of the S state numbers, units in the class docstring
    proprio_fields: ClassVar[tuple[str, ...]]  #: the state fields that the agent senses directly
    action_fields: ClassVar[tuple[str, ...]]
    action_limit: ClassVar[float]  #: bound of the declared action box; see the task for what lies beyond
    state_low: ClassVar[tuple[float, ...]]  #: smallest value of each state field
    state_high: ClassVar[tuple[float, ...]]
    radius: ClassVar[float]  #: how near to the goal is success, in the unit of the state's positions
    criteria: ClassVar[Mapping[str, str]] = {"full": "within the success radius"}  #: in words; the paper's first
    frameskip: ClassVar[int] = 5  #: environment steps in one latent step of the world model
    episode_steps: ClassVar[int] = 50  #: environment steps in one collected episode
    chunk: ClassVar[int] = 50  #: episodes collected together, from one random stream
    slow: ClassVar[bool] = False  #: whether a step takes milliseconds, so that what was simulated is kept
    factors: ClassVar[Mapping[str, Factor]] = SEEN  #: the attributes that `varied` can change
    hue: float
    light: float
    noise: float

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard(cls)
        cls.factors = {**cls.factors, **SEEN}
        for factor, about in cls.factors.items():
            if not hasattr(cls, factor):
                setattr(cls, factor, about.usual)
        if (name := cls.__dict__.get("name")) is None:
            return
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise LabError(f"The name of a task is small letters, digits and _, got '{name}'.")
        cls.label = cls.__dict__.get("label", camel_case(name))
        cls.env_id = env_id(name)

    def varied(self, variation: Mapping[str, float]) -> Self:
        """The task with other values of some of its ``factors``, such as ``{"hue": 90}``; without any, the task itself.

        Raises LabError for what is no factor, and for values that are out of its range.
        """
        changed = {name: float(value) for name, value in check_variation(self.name, self.factors, variation).items()}
        copied = copy.copy(self) if changed else self
        copied.__dict__.update(changed)  # a task may be a frozen dataclass
        return copied

    @property
    def variation(self) -> dict[str, float]:
        """The ``factors`` whose values are not the usual ones."""
        values = {name: getattr(self, name) for name in self.factors}
        return {name: value for name, value in values.items() if value != self.factors[name].usual}

    @property
    def action_dim(self) -> int:
        return len(self.action_fields)

    @property
    def proprio_dim(self) -> int:
        return len(self.proprio_fields)

    def proprio(self, states: Floats) -> Floats:
        """The directly sensed part of ``states`` (..., S) as (..., P)."""
        return states[..., [self.state_fields.index(field) for field in self.proprio_fields]]

    @abstractmethod
    def step(self, states: Floats, actions: Floats) -> Floats:
        """The states (B, S) one environment step after taking ``actions`` (B, A) in ``states`` (B, S)."""

    def simulate(self, starts: Floats, actions: Floats) -> Floats:
        """See `Environment.simulate`. Raises LabError where shapes are not the task's, or a number is not finite."""
        starts, actions = np.asarray(starts, dtype=np.float64), np.asarray(actions, dtype=np.float64)
        self._check(starts, actions)
        trajectory = [starts]
        for t in range(actions.shape[1]):
            trajectory.append(self.step(trajectory[-1], actions[:, t]))
        return np.stack(trajectory, axis=1)

    def _check(self, starts: Floats, actions: Floats) -> None:
        """Raise LabError unless the problems fit the task: numpy would broadcast what does not."""
        problems, steps = starts.shape[:1], actions.shape[1:2]
        expected = (*problems, len(self.state_fields)), (*problems, *steps, self.action_dim)
        if (starts.shape, actions.shape) != expected or starts.ndim != 2:
            raise LabError(
                f"{self.name}: expected states (B, {len(self.state_fields)}) and actions (B, T, {self.action_dim}) of "
                f"the same B problems, got {starts.shape} and {actions.shape}."
            )
        for name, numbers in (("states", starts), ("actions", actions)):
            if not np.isfinite(numbers).all():
                raise LabError(f"{self.name}: {name} must be finite numbers, got NaN or infinity.")

    def observe(self, states: Floats) -> "Observation":
        """What a world model may see of ``states`` (..., S): pictures of any size, and the proprioception.

        Raises LabError where these are not states of the task.
        """
        if states.shape[-1:] != (len(self.state_fields),):
            raise LabError(f"{self.name}: expected states (..., {len(self.state_fields)}), got {states.shape}.")
        return Observation(self, states)

    def executed(self, actions: Floats) -> Floats:
        """What is really executed of ``actions`` (..., A): all of it, unless the task clips them to a box."""
        return actions

    @abstractmethod
    def render(self, states: Floats, size: int) -> NDArray[np.uint8]:
        """Pictures (B, size, size, 3) of ``states`` (B, S), drawn straight at the wanted size."""

    @abstractmethod
    def random_states(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Draw ``n`` independent (start, goal) pairs, each (n, S), as the authors do for random goals."""

    @abstractmethod
    def collect(self, rng: np.random.Generator, n: int, steps: int) -> tuple[Floats, Floats]:
        """Run the scripted data policy: states (n, steps + 1, S) and actions (n, steps, A)."""

    @abstractmethod
    def distance(self, states: Floats, goals: Floats, criterion: str = "full") -> Floats:
        """How far ``states`` (B, S) are from ``goals`` (B, S), in success radii: below 1 is success."""

    def success(self, states: Floats, goals: Floats, criterion: str = "full") -> NDArray[np.bool_]:
        """Whether ``states`` (B, S) fulfil ``goals`` (B, S)."""
        return self.distance(states, goals, criterion) < 1.0

    def start_outside_goal(self, starts: Floats, goals: Floats) -> NDArray[np.bool_]:
        """Whether each of ``starts`` (B, S) lies outside its goal (B, S) by every criterion, as (B,).

        On such problems, doing nothing never succeeds.
        """
        return np.all([~self.success(starts, goals, criterion) for criterion in self.criteria], axis=0)

    def recurs(self, states: Floats) -> NDArray[np.bool_]:
        """Whether other trajectories meet each of the ``states`` (B, S) of a trajectory too, to the last bit; (B,).

        Held-out problems do not start or end there: a model may have seen the very state in training.
        """
        return np.zeros(len(states), dtype=bool)

    def sample_problems(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """``n`` random (start, goal) pairs, each (n, S), all of whose starts lie outside their goal."""
        starts, goals = self.random_states(rng, n)
        while not (ok := self.start_outside_goal(starts, goals)).all():
            starts[~ok], goals[~ok] = self.random_states(rng, int((~ok).sum()))
        return starts, goals


@dataclass(frozen=True)
class Observation:
    """What a world model sees of a task's ``states`` (..., S); nothing is drawn before it is asked for."""

    task: Task
    states: Floats

    def pictures(self, size: int) -> NDArray[np.uint8]:
        """Pictures (..., size, size, 3) of the states."""
        drawn = self.task.render(self.states.reshape(-1, self.states.shape[-1]), size)
        return drawn.reshape(*self.states.shape[:-1], *drawn.shape[1:])

    def proprio(self) -> Floats:
        """The proprioception (..., P) of the states, in the task's units."""
        return self.task.proprio(self.states)
