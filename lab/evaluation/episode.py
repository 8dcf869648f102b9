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
from lab.evaluation.imagination import felt, imagined
from lab.evaluation.success import evaluate, goal_distance
from lab.models import WorldModel
from lab.planning import MODES, Plan, Planner, PlanRequest
from lab.tasks import Task, make_task


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

    task: str
    mode: str
    start: np.ndarray  #: (S,)
    goal: np.ndarray  #: (S,)
    states: np.ndarray  #: (T + 1, S) true states
    attempts: tuple[Attempt, ...]
    imagined_proprio: np.ndarray  #: (K + 1, P) in the task's units
    imagined_frames: np.ndarray  #: (K + 1, 64, 64, 3) drawn by the model's decoder
    error: np.ndarray  #: (K + 1,) mean squared distance of imagined to true picture latent
    distance: dict[str, np.ndarray]  #: by criterion (T + 1,): success radii between true state and goal
    imagined_distance: np.ndarray | None  #: (K + 1,) the same as imagined, where proprioception is the whole state
    ends: np.ndarray  #: environment steps at which success counts: the ends of executed plans
    seconds: float  #: planning time

    @property
    def blocks(self) -> np.ndarray:
        """(K + 1,) environment steps at the block boundaries."""
        return np.linspace(0, len(self.states) - 1, len(self.error)).round().astype(int)

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
    imagined_proprio: np.ndarray  #: (M, H + 1, P)
    loss: np.ndarray  #: (M,) the planner's loss as imagined
    true_loss: np.ndarray  #: (M,) the same loss of what really happens
    distance: np.ndarray  #: (M,) success radii between the last true state and the goal


def run_episode(
    model: WorldModel,
    planner: Planner,
    problem: Problems,
    mode: str = "open",
    *,
    proprio: float = 0.0,
    base: float | None = None,
    seed: int = 0,
    index: int = 0,
    snapshots: int = 30,
) -> Episode:
    """Plan for the one ``problem`` and execute in the true simulator, keeping up to ``snapshots`` of each plan.

    With the ``index`` that the problem has in a protocol, the plan is the one `evaluate` makes for it there.
    """
    watched = _Watched(planner)
    outcome = evaluate(model, watched, problem, mode, proprio=proprio, base=base, seed=seed, first=index)
    task, execute = make_task(problem.task), MODES[mode].execute
    states, goal = outcome.trajectory[0], problem.goals[0]
    seen = model.observe(states[:: task.frameskip])
    z = imagined(model, outcome, MODES[mode])[0]
    proprio_felt = felt(model, z)
    error = ((z - seen)[:, : model.latent_dim] ** 2).mean(-1).numpy(force=True)
    error[0] = 0.0  # the start is seen; what is left of it is rounding
    return Episode(
        task=problem.task,
        mode=mode,
        start=problem.starts[0],
        goal=goal,
        states=states,
        attempts=tuple(
            _attempt(plan, record, i * execute * task.frameskip, snapshots)
            for i, (plan, record) in enumerate(zip(outcome.plans, watched.records, strict=True))
        ),
        imagined_proprio=proprio_felt,
        imagined_frames=model.draw(z),
        error=error,
        distance={name: _distance(task, states, goal, name) for name in task.criteria},
        imagined_distance=_distance(task, proprio_felt, goal) if task.proprio_fields == task.state_fields else None,
        ends=np.arange(execute * task.frameskip, len(states), execute * task.frameskip),
        seconds=outcome.seconds,
    )


@torch.no_grad()
def unfold(
    model: WorldModel, episode: Episode, attempt: int = 0, *, proprio: float = 0.0, base: float | None = None
) -> Unfolded:
    """Run every snapshot of an attempt from where it was planned, in the simulator and in the imagination."""
    task, plan = make_task(episode.task), episode.attempts[attempt]
    blocks = torch.as_tensor(plan.blocks, device=model.device)
    starts = np.repeat(episode.states[plan.step][None], len(blocks), axis=0)
    states = task.rollout(starts, model.denormalise_actions(blocks))
    seen = model.observe(states[:, :: task.frameskip])
    imagined = model.rollout(seen[:, 0], blocks)
    goals = np.repeat(episode.goal[None], len(blocks), axis=0)
    problem = Problems(episode.task, "", "", 0, starts, goals)
    objective = goal_distance(model, problem, proprio, base)
    return Unfolded(
        states=states,
        imagined_proprio=felt(model, imagined),
        loss=objective(imagined, blocks).numpy(force=True),
        true_loss=objective(seen, blocks).numpy(force=True),
        distance=task.distance(states[:, -1], goals),
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


def _distance(task: Task, states: np.ndarray, goal: np.ndarray, criterion: str = "full") -> np.ndarray:
    return task.distance(states, np.broadcast_to(goal, states.shape), criterion)
