"""One problem in detail: the planner's iterations, the imagined trajectory, and the true one.

`run_episode` returns all of these as numpy arrays. `unfold` also executes the snapshots of a plan in the true
simulator. Dimensions: ``T`` environment steps, ``K`` executed blocks, ``N`` iterations of a planner, ``M`` snapshots of
its actions, ``H`` planned blocks, ``P`` proprioceptive numbers, ``S`` state numbers.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lab.data import Problems
from lab.evaluation.gap import latent_error
from lab.evaluation.imagination import imagined
from lab.evaluation.simulation import Simulation
from lab.evaluation.success import evaluate, goal_distance
from lab.models import Evaluable
from lab.planning import Plan, Planner, PlanRequest
from lab.tasks import Task
from lab.tasks.environment import Environment, distances


@dataclass(frozen=True)
class Attempt:
    """The iterations of one plan; under MPC each replan is an attempt."""

    step: int  #: environment step at which the plan was made
    iterations: np.ndarray  #: (M,) iterations of the snapshots; the last is the finished plan
    clock: np.ndarray  #: (M,) seconds of planning until each snapshot
    blocks: np.ndarray  #: (M, H, A) standardised actions of the snapshots
    loss: np.ndarray  #: (N + 1,) imagined loss before each iteration and of the finished plan


@dataclass(frozen=True)
class Episode:
    """The outcome of one problem in detail. Index 0 of an axis over time is the start."""

    environment: Environment
    mode: str
    start: np.ndarray  #: (S,)
    goal: np.ndarray  #: (S,)
    states: np.ndarray  #: (T + 1, S) true states
    attempts: tuple[Attempt, ...]
    imagined_proprio: np.ndarray | None  #: (K + 1, P) in the task's units; None where the model decodes none
    imagined_frames: np.ndarray | None  #: (K + 1, 64, 64, 3) drawn by the model's decoder; None where it has none
    blocks: np.ndarray  #: (K + 1,) environment steps at the block boundaries
    error: np.ndarray  #: (K + 1,) mean squared distance of imagined to true picture latent
    distance: dict[str, np.ndarray]  #: by criterion (T + 1,): success radii between true state and goal
    imagined_distance: np.ndarray | None  #: (K + 1,) the same of imagined states, if proprioception is the whole state
    ends: np.ndarray  #: environment steps at which success is judged: the ends of executed plans
    seconds: float  #: planning time

    def reached(self, criterion: str = "full") -> int | None:
        """The first environment step at which the goal counts as reached, or None."""
        inside = [int(t) for t in self.ends if self.distance[criterion][t] < 1.0]
        return inside[0] if inside else None

    def closest(self, criterion: str = "full") -> float:
        """The smallest distance in success radii at a step at which success is judged."""
        return float(self.distance[criterion][self.ends].min())


@dataclass(frozen=True)
class Unfolded:
    """The trajectories of all snapshots of an attempt, in the true simulator and in the model's imagination."""

    states: np.ndarray  #: (M, H * frameskip + 1, S)
    imagined_proprio: np.ndarray | None  #: (M, H + 1, P); None where the model decodes none
    loss: np.ndarray  #: (M,) the planner's loss as imagined
    true_loss: np.ndarray  #: (M,) the same loss of the true latents
    distance: dict[str, np.ndarray]  #: by criterion (M,): success radii between the last true state and the goal


def run_episode(
    model: Evaluable,
    planner: Planner,
    problem: Problems,
    mode: str = "open",
    *,
    proprio: float = 0.0,
    decay: float | None = None,
    seed: int = 0,
    index: int = 0,
    snapshots: int = 30,
) -> Episode:
    """Plan for the single ``problem`` and execute in the true simulator; up to ``snapshots`` of each plan are kept.

    ``index`` is the problem's number in its protocol: the plan is then the one that `evaluate` makes for it there, up
    to the rounding that `Planner` describes: here the problem is planned alone.
    """
    watched = _Watched(planner)
    outcome = evaluate(model, watched, problem, mode, proprio=proprio, decay=decay, seed=seed, first=index)
    environment, goal, world = problem.environment, problem.goals[0], outcome.world
    z = imagined(model, outcome)[0]
    error = latent_error(model, z, outcome.latents[0])
    error[0] = 0.0  # the start is observed; what remains is rounding
    decoded = _decoded_proprio(model, z)
    return Episode(
        environment=environment,
        mode=mode,
        start=problem.starts[0],
        goal=goal,
        states=outcome.trajectory[0],
        attempts=tuple(
            _attempt(plan, record, step, snapshots)
            for plan, record, step in zip(outcome.plans, watched.records, [0, *world.plan_ends[:-1]], strict=True)
        ),
        imagined_proprio=decoded,
        imagined_frames=model.draw(z) if hasattr(model, "draw") else None,
        blocks=np.array(world.boundaries),
        error=error,
        distance=_distances(environment, outcome.trajectory[0], goal),
        imagined_distance=None
        if decoded is None or not _senses_all(environment)
        else _distances(environment, decoded, goal)["full"],
        ends=np.array(world.plan_ends),
        seconds=outcome.seconds,
    )


@torch.no_grad()
def unfold(
    model: Evaluable, episode: Episode, attempt: int = 0, *, proprio: float = 0.0, decay: float | None = None
) -> Unfolded:
    """Execute every snapshot of an attempt from the state in which it was planned, in simulator and imagination."""
    plan = episode.attempts[attempt]
    starts, goals = (
        np.repeat(state[None], len(plan.blocks), axis=0) for state in (episode.states[plan.step], episode.goal)
    )
    problems = Problems(episode.environment, starts, goals)
    world, objective = Simulation(model, problems), goal_distance(model, problems, proprio, decay)
    blocks = torch.as_tensor(plan.blocks, device=objective.goal.device)
    world.execute(blocks)
    true = world.latents()
    imagined = model.rollout(true[:, 0], blocks)
    return Unfolded(
        states=world.trajectory,
        imagined_proprio=_decoded_proprio(model, imagined),
        loss=objective(imagined, blocks).numpy(force=True),
        true_loss=objective(true, blocks).numpy(force=True),
        distance=distances(episode.environment, world.trajectory[:, -1], goals),
    )


def place(task: Task, state: np.ndarray, values: Mapping[str, float]) -> np.ndarray:
    """``state`` (S,) with the fields in ``values`` set, velocities 0, and moved out of a wall that it overlaps."""
    if not values:
        return state
    placed = state.copy()
    for i, field in enumerate(task.state_fields):
        if field in values:
            placed[i] = values[field]
        elif field.endswith(("vx", "vy")):
            placed[i] = 0.0
    return task.step(placed[None], np.zeros((1, task.action_dim)))[0]


class _Watched:
    """A planner that records its actions at every iteration."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.records: list[_Record] = []  #: of each plan

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        record = _Record([], [])
        self.records.append(record)
        started = time.perf_counter()

        def keep(_: int, actions: Tensor, loss: Tensor) -> None:
            record.actions.append(actions[0].clone())
            record.clock.append(time.perf_counter() - started)

        plan = self.planner.plan(replace(request, callback=keep))
        record.clock.append(time.perf_counter() - started)
        return plan


@dataclass(frozen=True)
class _Record:
    """The actions (H, A) at every iteration of a plan, and the times of all; the last time is the finished plan's."""

    actions: list[Tensor]
    clock: list[float]


def _attempt(plan: Plan, record: _Record, step: int, snapshots: int) -> Attempt:
    """Choose ``snapshots`` of the iterations, the first and the finished plan included."""
    final, iterations, clock = plan.actions[0], record.actions, np.array(record.clock)
    if iterations and torch.equal(
        iterations[-1], final
    ):  # CEM shows its actions after each refit, the others before each step
        iterations, clock = iterations[:-1], np.delete(clock, -2)
    everything = torch.stack([*iterations, final])
    chosen = np.unique(np.linspace(0, len(iterations), min(snapshots, len(everything))).round().astype(int))
    first = len(plan.history) - len(iterations)
    loss = torch.cat([plan.history[:, 0], plan.loss[:1]])
    blocks = everything[chosen].numpy(force=True)
    return Attempt(step, chosen + first, clock[chosen], blocks, loss.numpy(force=True))


def _distances(environment: Environment, states: np.ndarray, goal: np.ndarray) -> dict[str, np.ndarray]:
    """By criterion, the distance (T,) of ``states`` (T, S) to ``goal`` (S,)."""
    return distances(environment, states, np.broadcast_to(goal, states.shape))


def _senses_all(environment: Environment) -> bool:
    """Whether proprioception is the whole state."""
    return isinstance(environment, Task) and environment.proprio_fields == environment.state_fields


def _decoded_proprio(model: Evaluable, z: Tensor) -> np.ndarray | None:
    return model.decode_proprio(z) if hasattr(model, "decode_proprio") else None
