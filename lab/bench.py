"""Throughput of simulators and planners against the plain loops a reader would write.

Both sides of a ratio alternate within one run, so that whatever else the machine does hits both; times are medians.
The planners' share of the machine is given against the fastest float32 matmul measured in the same run.
"""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from lab.models import ModelSpec, WorldModel
from lab.models.encoders import SIZE
from lab.planning import CEM, SETTINGS, GoalDistance, GradientPlanner, unplanned
from lab.planning.planner import generators, normal
from lab.tasks import TASKS, Task, make_task
from lab.tasks.pushing import Pushing
from lab.training import recipe

REPEATS = 3
HORIZON = 5
ADAM_PROBLEMS, ADAM_LOOP = 64, 2  #: problems of the batched planner and of the plain loop
CEM_PROBLEMS, CEM_LOOP = 10, 2
LEGEND = (
    "plain loop: one problem after the other, through task.step, task.render, the Gymnasium environment (which also "
    "draws its goal), torch.optim.Adam with backward, and CEM with its samples side by side\n"
    "push: here on all cores, the plain loop on one\n"
    "of matmul: floating-point operations a second, as a share of this machine's fastest float32 matmul"
)


@dataclass(frozen=True)
class Row:
    """One comparison, in ``unit`` a second; ``ceiling`` is the share of the measured matmul speed, if it applies."""

    what: str
    unit: str
    ours: float
    plain: float
    ceiling: float | None = None

    @property
    def ratio(self) -> float:
        return self.ours / self.plain


def measure(parts: Sequence[str]) -> list[Row]:
    """The rows of ``parts`` (tasks, planners)."""
    rows: list[Row] = []
    if "tasks" in parts:
        for name in TASKS:
            rows += bench_task(make_task(name))
    if "planners" in parts:
        rows += bench_planners("push_t")
    return rows


def as_table(rows: Sequence[Row]) -> str:
    """``rows`` for people."""
    lines = [f"{'':42}{'here':>11}{'plain loop':>12}{'ratio':>8}{'of matmul':>11}"]
    for row in rows:
        share = "" if row.ceiling is None else f"{row.ceiling:.0%}"
        label = f"{row.what}, {row.unit}/s"
        lines.append(f"{label:42}{row.ours:>11,.0f}{row.plain:>12,.0f}{row.ratio:>7.1f}x{share:>11}")
    return "\n".join([*lines, LEGEND])


def as_json(rows: Sequence[Row]) -> str:
    """``rows`` for programs."""
    return json.dumps([asdict(row) | {"ratio": row.ratio} for row in rows], indent=2)


def alternate(ours: Callable[[], object], plain: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    """Median seconds of both functions, run in turns after one warm-up each."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for function, taken in zip((ours, plain), seconds, strict=True):
            started = time.perf_counter()
            function()
            if repeat:
                taken.append(time.perf_counter() - started)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


# --- Tasks


def bench_task(task: Task, problems: int = 50, steps: int | None = None, loop: int = 2) -> list[Row]:
    """Batched rollout and rendering against stepping, drawing and Gymnasium episodes one problem at a time.

    ``steps`` defaults to one planning horizon.
    """
    steps = steps or HORIZON * task.frameskip
    unit = "push" if isinstance(task, Pushing) else "step"
    states, actions = task.collect(np.random.default_rng(0), problems, steps)
    flat = states[:, 1:].reshape(-1, states.shape[-1])
    env = gym.make(task.env_id, max_episode_steps=steps + 1).unwrapped

    def step_loop() -> None:
        for state, plan in zip(states[:loop, 0], actions[:loop], strict=True):
            for action in plan:
                state = task.step(state[None], action[None])[0]

    def render_loop() -> None:
        for state in flat[: loop * steps]:
            task.render(state[None], SIZE)

    def env_loop() -> None:
        for state, goal, plan in zip(states[:loop, 0], states[:loop, -1], actions[:loop], strict=True):
            env.reset(seed=0, options={"state": state, "goal": goal})
            for action in plan:
                env.step(action)

    def rollout() -> np.ndarray:
        return task.rollout(states[:, 0], actions)[:, 1:]

    def observed() -> np.ndarray:
        return task.render(rollout().reshape(flat.shape), SIZE)

    pairs = [
        ("simulate", unit, rollout, step_loop),
        ("draw", "frame", lambda: task.render(flat, SIZE), render_loop),
        ("simulate and draw", unit, observed, env_loop),
    ]
    rows = []
    for what, unit, ours, plain in pairs:
        fast, slow = alternate(ours, plain)
        rows.append(Row(f"{task.name}: {what}", unit, problems * steps / fast, loop * steps / slow))
    return rows


# --- Planners


def bench_planners(task: str) -> list[Row]:
    """Adam and CEM on a world model of the size shipped for ``task``, with random weights."""
    model = random_model(task)
    peak = matmul_flops()
    adam, cem = replace(SETTINGS[task].adam, iterations=30), replace(SETTINGS[task].cem, iterations=2)
    rows = []
    for what, planner, plain, problems, loop, passes in (
        # Adam goes forwards, and backwards to the actions alone: twice the flops of a rollout
        ("Adam", adam, plain_adam, ADAM_PROBLEMS, ADAM_LOOP, 2 * adam.iterations),
        ("CEM", cem, plain_cem, CEM_PROBLEMS, CEM_LOOP, cem.samples * cem.iterations),
    ):
        z0, goal = torch.randn(2, problems, model.latent_dim + model.spec.proprio_dim).unbind()
        init = unplanned(problems, HORIZON, model.block_dim)

        def batched(planner=planner, z0=z0, goal=goal, init=init) -> None:
            planner.plan(model, z0, GoalDistance(goal, model.latent_dim), init, range(len(z0)))

        def one_by_one(planner=planner, plain=plain, z0=z0, goal=goal, loop=loop) -> None:
            for i in range(loop):
                plain(planner, model, z0[i : i + 1], goal[i : i + 1])

        fast, slow = alternate(batched, one_by_one)
        achieved = problems * passes * HORIZON * step_flops(model) / fast
        unit = f"plan of {planner.iterations} steps"
        rows.append(Row(f"{what} ({task})", unit, problems / fast, loop / slow, achieved / peak))
    return rows


def random_model(task: str) -> WorldModel:
    """An untrained world model of the shipped size whose predictions do depend on the actions."""
    made, simulator = recipe(task), make_task(task)
    dims = {"proprio_dim": simulator.proprio_dim, "action_dim": simulator.action_dim, "frameskip": simulator.frameskip}
    model = WorldModel(ModelSpec(task, made.encoder, made.latent_dim, hidden=made.hidden, layers=made.layers, **dims))
    torch.nn.init.normal_(model.predictor.head.weight, std=0.01)
    return model.eval()


def step_flops(model: WorldModel) -> int:
    """Multiplications and additions in the matmuls of one predicted step."""
    layers = [layer for layer in model.predictor.modules() if isinstance(layer, torch.nn.Linear)]
    return sum(2 * layer.in_features * layer.out_features for layer in layers)


def matmul_flops() -> float:
    """The fastest float32 matmul of several sizes, in flops a second."""
    best = 0.0
    for size in (256, 512, 1024):
        a = torch.randn(size, size)
        for _ in range(5):
            started = time.perf_counter()
            a @ a
            best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def plain_adam(planner: GradientPlanner, model: WorldModel, z0: Tensor, goal: Tensor) -> Tensor:
    """One problem with ``torch.optim.Adam`` and ``backward``, which also collects gradients of all weights."""
    for weight in model.parameters():
        weight.requires_grad_(True)
    actions = torch.randn(1, HORIZON, model.block_dim, requires_grad=True)
    optimiser = torch.optim.Adam([actions], planner.lr)
    for _ in range(planner.iterations):
        optimiser.zero_grad()
        loss = ((model.rollout(z0, actions)[:, -1] - goal)[:, : model.latent_dim] ** 2).mean()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            actions += planner.noise * torch.randn_like(actions)
    for weight in model.parameters():
        weight.requires_grad_(False).grad = None
    return actions.detach()


@torch.no_grad()
def plain_cem(planner: CEM, model: WorldModel, z0: Tensor, goal: Tensor) -> Tensor:
    """One problem, its samples side by side."""
    rngs = generators([0], z0.device)
    mean, std = torch.zeros(HORIZON, model.block_dim), torch.full((HORIZON, model.block_dim), planner.std)
    for _ in range(planner.iterations):
        actions = mean + std * normal(rngs, (planner.samples, HORIZON, model.block_dim))[0]
        z = model.rollout(z0.expand(planner.samples, -1), actions)[:, -1]
        loss = ((z - goal)[:, : model.latent_dim] ** 2).mean(-1)
        elites = actions[loss.topk(planner.elites, largest=False).indices]
        mean, std = elites.mean(0), elites.std(0)
    return mean
