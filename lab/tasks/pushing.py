"""What Rope and Granular share: a robot's straight pushes on a table, particles, and the distance between two heaps.

Top-down 2-D physics (`lab.tasks.table`). Lengths are the units of the authors' simulator (PyFleX), x right, y down. A
push comes down, goes straight, is lifted, and what it moved comes to rest; nothing moves in between, so that the state
is positions alone. Every push is simulated on a table of its own that is laid from the state: a stored state replays
exactly, in whatever process.

============================  =======================================  =============================================
                              original (PyFleX, env/deformable_env)    here, and why
============================  =======================================  =============================================
world                         3-D particles and an xArm6               2-D rigid bodies: runs on any laptop, no build
action                        (x_start, z_start, x_end, z_end), +-4    the same, clipped to +-4
a push                        way-points, kinematic, 1/300 a step      the same way at 1/50 a step; the approach
                                                                       through air is left out, as it moves nothing
lift, approach                0.2 up and down                          the pusher is in the plane or is not; what it
                                                                       comes down on is pressed aside
stick (Rope)                  cylinder of radius 0.1                   disc of radius 0.1
board (Granular)              1.02 x 0.26, across the push             the same
settling                      200 steps                                until it rests, at most 100 steps
rope                          length 2.5, 1965 soft particles          20 rods of 0.125, radius 0.08, bending springs;
                                                                       dry friction holds a bend; it bends at most
                                                                       0.6 rad a joint and does not cross itself
grains                        ~97, irregular, scale 0.2, gap 0.03      100 convex polygons, corners 0.05 to 0.1 from the
                                                                       centre; they cannot pile up
first state of an episode     one, fixed                               shifted up to 0.5, the rope turned at random, so
                                                                       that data splits share none
state                         particles (x, y, z, inverse mass)        the rope's 21 nodes; the grains' (x, y, angle),
                                                                       as a polygon's angle decides what comes next
picture                       one of four slanted cameras, 224         from above, drawn straight at the wanted size
random pushes (data)          through a particle within 2 of the       the same
                              median to 1.0 beyond in x, ends within
                              1.5, starts 0.2 off all particles
random goals                  rope turned by 0 to 90 degrees, grains   the same; the start is three random pushes after
                              shrunk to 0.6 to 0.9, shifted up to 1;   a first state
                              the start is one of the data
success                       Chamfer distance < 0: never              a radius chosen from the data, see `radius`
============================  =======================================  =============================================
"""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lab.errors import check_known
from lab.tasks import workers
from lab.tasks.table import Body, Shape, Table, move
from lab.tasks.task import Floats, Task

STEP = 0.02  #: units that the pusher moves in one step of the simulator
TIME_STEP = 0.01
APPROACH = 5  #: steps in which what the pusher came down on is pressed aside
GAP = 0.05  #: units before the first thing on its way at which the simulation of a push begins
WARM_UP = 3  #: random pushes that lead to the start of a problem with a random goal
DRAWS = 1000  #: draws of a random push before one that breaks a rule is taken


class Pushing(Task):
    """Particles pushed about; see the module's docstring. Success is a symmetric Chamfer distance below `radius`.

    The radius is 0.3 on both tasks: particle and goal are then 0.15 apart on average, which is the rope's thickness and
    a large grain's. One random push changes more in half of the cases (medians 0.5 and 0.3), and of states that lie
    five random pushes apart in the data fewer than 5% are as near (5th percentiles 0.44 and 0.42).
    """

    proprio_fields: ClassVar[tuple[str, ...]] = ()  # the authors' code senses a constant zero
    action_fields: ClassVar[tuple[str, ...]] = ("x_start", "y_start", "x_end", "y_end")
    action_limit: ClassVar[float] = 4.0
    frameskip: ClassVar[int] = 1
    episode_steps: ClassVar[int] = 20
    chunk: ClassVar[int] = 10
    slow: ClassVar[bool] = True
    kind: ClassVar[str] = "particles"
    radius: ClassVar[float] = 0.3  #: Chamfer distance below which a goal counts as reached
    body: ClassVar[float]  #: no part of a particle is farther from it than this

    @property
    @abstractmethod
    def pusher(self) -> tuple[float, float]:
        """Its half extents along and across the push."""

    @abstractmethod
    def particles(self, states: Floats) -> Floats:
        """The positions (..., P, 2) of what is pushed, of ``states`` (..., S)."""

    @abstractmethod
    def first_states(self, rng: np.random.Generator, n: int) -> Floats:
        """States (n, S) in which an episode may begin."""

    @abstractmethod
    def random_goals(self, rng: np.random.Generator, n: int) -> Floats:
        """Goals (n, S) as the authors draw them."""

    @abstractmethod
    def push(self, state: Floats, begin: Floats, end: Floats) -> Floats:
        """``state`` (S,) after the pusher came down at ``begin`` (2,) and went straight to ``end`` (2,)."""

    def executed(self, actions: Floats) -> Floats:
        return np.clip(actions, -self.action_limit, self.action_limit)

    def step(self, states: Floats, actions: Floats) -> Floats:
        """One push for each problem; (B, S) and (B, 4) to (B, S). A push that meets nothing moves nothing."""
        actions = self.executed(actions)
        after = states.copy()
        met = np.isfinite(self._first_contact(states, actions))
        if met.any():
            after[met] = workers.share_out(self, states[met], actions[met])
        return after

    def alone(self, states: Floats, actions: Floats) -> Floats:
        """The states (B, S) after one push (B, 4) each, in this process; see `workers.Shared`."""
        contacts = self._first_contact(states, actions)
        after = np.empty_like(states)
        for i, (state, action, contact) in enumerate(zip(states, actions, contacts, strict=True)):
            path = action[2:] - action[:2]
            length = float(np.hypot(*path))
            skipped = max(0.0, min(float(contact), length) - GAP)  # nothing is met that far
            begin = action[:2] + path * (skipped / length) if skipped else action[:2]
            after[i] = self.push(state, begin, action[2:])
        return after

    def _first_contact(self, states: Floats, actions: Floats) -> Floats:
        """How far (B,) the pusher goes before it may touch something; inf where it touches nothing at all."""
        start, path = actions[:, None, :2], actions[:, None, 2:] - actions[:, None, :2]
        length = np.linalg.norm(path, axis=-1)
        heading = np.where(length[..., None] > 0, path / np.maximum(length, 1e-300)[..., None], [1.0, 0.0])
        offset = self.particles(states) - start
        along = (offset * heading).sum(-1)
        across = offset[..., 0] * heading[..., 1] - offset[..., 1] * heading[..., 0]
        reach, half_width = self.pusher[0] + self.body, self.pusher[1] + self.body
        met = (np.abs(across) <= half_width) & (along >= -reach) & (along <= length + reach)
        return np.where(met, np.maximum(along - reach, 0.0), np.inf).min(1)

    def random_states(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Starts three random pushes after a first state; goals as in the authors' code."""
        return self._episodes(rng, n, WARM_UP)[0][:, -1], self.random_goals(rng, n)

    def collect(self, rng: np.random.Generator, n: int, steps: int) -> tuple[Floats, Floats]:
        """Random pushes through the particles, by the authors' rules."""
        return self._episodes(rng, n, steps)

    def _episodes(self, rng: np.random.Generator, n: int, steps: int) -> tuple[Floats, Floats]:
        states, actions = [self.first_states(rng, n)], []
        for _ in range(steps):
            actions.append(self.random_pushes(states[-1], rng))
            states.append(self.step(states[-1], actions[-1]))
        return np.stack(states, axis=1), np.stack(actions, axis=1)

    def random_pushes(self, states: Floats, rng: np.random.Generator) -> Floats:
        """A push (B, 4) for each state: through one of its particles, by the rules in the module's docstring."""
        particles = self.particles(states)
        pushes = np.empty((len(states), 4))
        todo = np.arange(len(states))
        for _ in range(DRAWS):
            pushes[todo], fine = self._try_pushes(particles[todo], rng)
            todo = todo[~fine]
            if not len(todo):
                break
        return pushes

    def _try_pushes(self, particles: Floats, rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
        """Pushes (b, 4) drawn once for ``particles`` (b, P, 2), and which of them keep to the rules."""
        start = rng.uniform(-4.0, 4.0, (len(particles), 2))
        off = np.linalg.norm(particles - np.median(particles, axis=1, keepdims=True), axis=-1)
        chosen = np.where(off < 2.0, rng.random(off.shape), -1.0).argmax(1)
        through = particles[np.arange(len(particles)), chosen]
        x_end = through[:, 0] + np.where(through[:, 0] < start[:, 0], -1.0, 1.0)
        slope = (through[:, 1] - start[:, 1]) / np.where(
            through[:, 0] == start[:, 0], 1e-9, through[:, 0] - start[:, 0]
        )
        end = np.stack([x_end, start[:, 1] + slope * (x_end - start[:, 0])], -1)
        clear = np.linalg.norm(particles - start[:, None], axis=-1).min(1) >= 0.2
        pushes = np.concatenate([start, np.clip(end, -self.action_limit, self.action_limit)], -1)
        return pushes, clear & (np.abs(end) < 1.5).all(1)

    def chamfer(self, states: Floats, goals: Floats) -> Floats:
        """Symmetric Chamfer distance (B,): mean distance to the nearest particle of the goal, plus the other way."""
        particles, goal_particles = self.particles(states), self.particles(goals)
        distances = np.linalg.norm(particles[..., :, None, :] - goal_particles[..., None, :, :], axis=-1)
        return distances.min(-1).mean(-1) + distances.min(-2).mean(-1)

    def distance(self, states: Floats, goals: Floats, criterion: str = "full") -> Floats:
        check_known("criterion", criterion, self.criteria)
        return self.chamfer(states, goals) / self.radius


def empty_table(damping: float) -> Table:
    """A table at the scale of these tasks; bodies keep the share ``damping`` of their velocity in each step."""
    left = 0.7 ** (1 / TIME_STEP)  # 30% of an overlap goes in each step
    return Table(damping ** (1 / TIME_STEP), slop=0.002, bias=left)


def move_pusher(table: Table, pusher: Body, shape: Shape, begin: Floats, end: Floats) -> None:
    """Let ``pusher`` come down at ``begin``, push to ``end`` at a constant speed, and lift it."""
    path = end - begin
    steps = max(1, int(np.ceil(np.hypot(*path) / STEP)))
    table.step(TIME_STEP, APPROACH)
    move(pusher, (path / (steps * TIME_STEP)).tolist())
    table.step(TIME_STEP, steps)
    table.lift(pusher, shape)
