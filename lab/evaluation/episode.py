"""One problem, watched closely: what the planner tried, what the model imagined, and what really happened.

`run_episode` gives all that a face needs to show it, as plain numpy arrays; `unfold` adds what each stage of one plan
would have done in the true simulator. Dimensions: ``T`` environment steps, ``K`` executed blocks, ``N`` iterations of
a planner, ``M`` snapshots of its actions, ``H`` planned blocks, ``P`` proprioceptive numbers, ``S`` state numbers.
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
    """One plan in the making; under MPC there is one for each replan."""

    step: int  #: the environment step at which it was made
    iterations: np.ndarray  #: (M,) of the snapshots; the last is the finished plan
    clock: np.ndarray  #: (M,) seconds of planning until each snapshot
    blocks: np.ndarray  #: (M, H, A) standardised actions of the snapshots
    loss: np.ndarray  #: (N + 1,) imagined loss before each iteration and of the finished plan


@dataclass(frozen=True)
class Episode:
    """What became of one problem. Index 0 of an axis over time is the start."""

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
    imagined_distance: np.ndarray | None  #: (K + 1,) the same as imagined, where proprioception is the whole state
    ends: np.ndarray  #: environment steps at which success counts: the ends of executed plans
    seconds: float  #: planning time

    def reached(self, criterion: str = "full") -> int | None:
        """The first environment step that counts as success, or None."""
        inside = [int(t) for t in self.ends if self.distance[criterion][t] < 1.0]
        return inside[0] if inside else None

    def closest(self, criterion: str = "full") -> float:
        """The smallest distance (success radii) at a step where success counts."""
        return float(self.distance[criterion][self.ends].min())


@dataclass(frozen=True)
class Unfolded:
    """What each snapshot of one attempt leads to: in the true simulator and in the model's imagination."""

    states: np.ndarray  #: (M, H * frameskip + 1, S)
    imagined_proprio: np.ndarray | None  #: (M, H + 1, P); None where the model decodes none
    loss: np.ndarray  #: (M,) the planner's loss as imagined
    true_loss: np.ndarray  #: (M,) the same loss of what really happens
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
    """Plan for the one ``problem`` and execute in the true simulator, keeping up to ``snapshots`` of each plan.

    With the ``index`` that the problem has in a protocol, the plan is the one `evaluate` makes for it there.
    """
    watched = _Watched(planner)
    outcome = evaluate(model, watched, problem, mode, proprio=proprio, decay=decay, seed=seed, first=index)
    environment, goal, world = problem.environment, problem.goals[0], outcome.world
    z = imagined(model, outcome)[0]
    error = latent_error(model, z, outcome.latents[0])
    error[0] = 0.0  # the start is seen; what is left of it is rounding
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
    """Run every snapshot of an attempt from where it was planned, in the simulator and in the imagination."""
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
    """``state`` (S,) with some fields set, at rest, and moved out of whatever wall it would stand in."""
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
    """A planner that keeps its actions at every iteration."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.records: list[_Record] = []  #: of each plan

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        record = _Record([], [])
        self.records.append(record)
        started = time.perf_counter()

        def keep(_: int, actions: Tensor, loss: Tensor) -> None:
            record.tried.append(actions[0].clone())
            record.clock.append(time.perf_counter() - started)

        plan = self.planner.plan(replace(request, callback=keep))
        record.clock.append(time.perf_counter() - started)
        return plan


@dataclass(frozen=True)
class _Record:
    """A plan in the making: the actions (H, A) at every iteration, and when each was there, the finished one last."""

    tried: list[Tensor]
    clock: list[float]


def _attempt(plan: Plan, record: _Record, step: int, snapshots: int) -> Attempt:
    """Thin what was tried to ``snapshots``, first and finished plan included."""
    final, tried, clock = plan.actions[0], record.tried, np.array(record.clock)
    if tried and torch.equal(tried[-1], final):  # CEM shows its actions after each refit, the others before each step
        tried, clock = tried[:-1], np.delete(clock, -2)
    everything = torch.stack([*tried, final])
    chosen = np.unique(np.linspace(0, len(tried), min(snapshots, len(everything))).round().astype(int))
    first = len(plan.history) - len(tried)
    loss = torch.cat([plan.history[:, 0], plan.loss[:1]])
    blocks = everything[chosen].numpy(force=True)
    return Attempt(step, chosen + first, clock[chosen], blocks, loss.numpy(force=True))


def _distances(environment: Environment, states: np.ndarray, goal: np.ndarray) -> dict[str, np.ndarray]:
    """By criterion, how far each of ``states`` (T, S) is from ``goal`` (S,)."""
    return distances(environment, states, np.broadcast_to(goal, states.shape))


def _senses_all(environment: Environment) -> bool:
    """Whether proprioception is the whole state."""
    return isinstance(environment, Task) and environment.proprio_fields == environment.state_fields


def _decoded_proprio(model: Evaluable, z: Tensor) -> np.ndarray | None:
    return model.decode_proprio(z) if hasattr(model, "decode_proprio") else None
