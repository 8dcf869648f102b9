"""Throughput of simulators and planners against the plain loops a reader would write, and the nearest peer's.

All sides of a ratio alternate within one run, so that whatever else the machine does hits all; times are medians.
The planners' share of the machine is given against the fastest float32 matmul measured in the same run.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lab.bench_others import Measured, Simulator, find_peer, peer_plan, plain_plan, simulators
from lab.data import HORIZON
from lab.models import ModelSpec, WorldModel
from lab.models.encoders import SIZE
from lab.planning import CEM, ICEM, GoalDistance, GradientPlanner, PlanRequest, no_warm_start, on_backend
from lab.results import Result, save_result
from lab.studies.common.config import surroundings
from lab.tasks import TASKS, Task, make_task
from lab.tasks.pushing import Pushing

Function = Callable[[], object]  #: whose time is taken
REPEATS = 3
BATCHED_STEPS = 5  #: steps of many problems at once
PROBLEMS, LOOP = 50, 5  #: problems of our planners and the peer's, and of the plain loop, which takes them one by one
HIDDEN, LAYERS, LATENT, ACTION = 128, 3, 64, 2  #: of the world model that all planners plan through
ADAM = GradientPlanner("adam", lr=0.1, iterations=100, noise=0.0)
CEM_30 = CEM(300, 30, 30)
#: by what the table calls it: a planner, and the number of problems that it plans for at once
PLANNERS: dict[str, tuple[Measured, int]] = {
    "Adam": (ADAM, PROBLEMS),
    "Adam, one problem": (ADAM, 1),
    "CEM": (CEM_30, PROBLEMS),
    "CEM, one problem": (CEM_30, 1),
    "iCEM against CEM": (ICEM(300, 30, 30), PROBLEMS),
}
LEGEND = (
    "plain loop: one problem after the other, through task.step, task.render, the Gymnasium environment (which also "
    "draws its goal), torch.optim.Adam with backward, and CEM with its samples side by side\n"
    "push: here on all cores, the plain loop on one\n"
    "peer: of tasks, the package that the row names, in --peer's Python: one problem after the other, resets not "
    "counted; of planners, the solvers of stable-worldmodel as they come, where it is installed\n"
    "loss: predicted, of the plans of each side for the problems of the plain loop, on average: lower is better\n"
    "of matmul: floating-point operations a second, as a share of this machine's fastest float32 matmul"
)


@dataclass(frozen=True)
class Row:
    """One comparison, in ``unit`` a second; what is None does not apply."""

    what: str
    unit: str
    ours: float
    plain: float
    peer: float | None = None  #: of a task, the package that ``what`` names; of a planner, stable-worldmodel
    loss: float | None = None  #: of our plans
    plain_loss: float | None = None
    peer_loss: float | None = None
    gflops: float | None = None  #: achieved a second
    ceiling: float | None = None  #: the share of the measured matmul speed that this is

    @property
    def ratio(self) -> float:
        return self.ours / self.plain

    @property
    def peer_ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None


def measure(part: str, backend: str = "torch", pythons: Sequence[str] = ()) -> list[Row]:
    """The rows of ``part``, tasks or planners; planners in torch, and in ``backend`` if that is another.

    Tasks are compared with the simulators of the interpreters ``pythons`` as well.
    """
    if part == "planners":
        return bench_planners(backend)
    peers = simulators(pythons)
    return [row for name in TASKS for row in bench_task(make_task(name), peers)]


def as_table(rows: Sequence[Row]) -> str:
    """``rows`` for people."""
    width = max(24, *(len(f"{row.what}, {row.unit}/s") for row in rows))
    names = ("here", "plain loop", "ratio", "peer", "ratio", "loss", "plain", "peer", "GFLOP/s", "of matmul")
    lines = [" " * width + "".join(f"{name:>11}" for name in names)]
    for row in rows:
        speeds = f"{row.ours:,.1f}", f"{row.plain:,.1f}", f"{row.ratio:.1f}x"
        peer = _cell(row.peer, ",.1f"), _cell(row.peer_ratio, ".1f", "x")
        losses = (_cell(loss, ".4f") for loss in (row.loss, row.plain_loss, row.peer_loss))
        cells = (*speeds, *peer, *losses, _cell(row.gflops, ",.1f"), _cell(row.ceiling, ".0%"))
        lines.append(f"{row.what}, {row.unit}/s".ljust(width) + "".join(f"{cell:>11}" for cell in cells))
    return "\n".join([*lines, LEGEND])


def _cell(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"


def as_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """``rows`` for programs."""
    return [asdict(row) | {"ratio": row.ratio, "peer_ratio": row.peer_ratio} for row in rows]


def keep(rows: Sequence[dict[str, Any]], folder: Path, backend: str) -> None:
    """Write ``rows`` to ``folder`` as a table of this name, a line for each point of a curve, and `surroundings`."""
    table = pd.DataFrame(rows)
    if "exponents" in table:  # they follow from the points
        table = table.drop(columns="exponents").explode(["values", "seconds"])
    save_result(Result({"rows": table}, surroundings() | {"backend": backend}), folder)


def alternate(*functions: Function) -> list[float]:
    """Median seconds of each function, run `REPEATS` times in turns after one warm-up each.

    A function that returns a number has measured its seconds itself.
    """
    seconds: list[list[float]] = [[] for _ in functions]
    for repeat in range(REPEATS + 1):
        for function, times in zip(functions, seconds, strict=True):
            started = time.perf_counter()
            took = function()
            if repeat:
                times.append(took if isinstance(took, float) else time.perf_counter() - started)
    return [statistics.median(times) for times in seconds]


# --- Tasks


def bench_task(
    task: Task, peers: Sequence[Simulator] = (), problems: int = 50, steps: int | None = None, loop: int = 2,
    many: int = 5_000,
) -> list[Row]:  # fmt: skip
    """Batched rollout and rendering against stepping, drawing and Gymnasium episodes one problem at a time.

    ``steps`` defaults to one planning horizon. ``peers`` are those of all tasks. What is simulated quickly is so for
    ``many`` problems at once as well.
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

    def simulated() -> np.ndarray:
        return task.simulate(states[:, 0], actions)[:, 1:]

    def observed() -> np.ndarray:
        return task.render(simulated().reshape(flat.shape), SIZE)

    last = min(BATCHED_STEPS, steps)  # steps, in which more is touched than in the first ones
    starts = np.resize(states[:, -1 - last], (many, states.shape[-1]))
    plans = np.resize(actions[:, -last:], (many, last, task.action_dim))

    def compared(what: str, unit: str, done: int, ours: Function, plain: Function, size: int | None = None) -> None:
        """A row of ours, which does ``done`` units; with a ``size``, which may be 0, one for each peer as well."""
        others = [peer for peer in peers if peer.task == task.name and (peer.any_size or not size)]
        others = [] if size is None else others
        others_calls = [partial(peer.seconds, states[:loop], actions[:loop], size or 0) for peer in others]
        fast, slow, *theirs = alternate(ours, plain, *others_calls)
        row = Row(f"{task.name}: {what}", unit, done / fast, loop * steps / slow)
        rows.append(row)
        for peer, seconds in zip(others, theirs, strict=True):
            rows.append(replace(row, what=f"{row.what}, {peer.name}", peer=loop * steps / seconds))

    rows: list[Row] = []
    compared("simulate", unit, problems * steps, simulated, step_loop, size=0)
    if not task.slow:
        compared(f"{many:,} at once", unit, many * last, lambda: task.simulate(starts, plans), step_loop)
    compared("draw", "frame", problems * steps, lambda: task.render(flat, SIZE), render_loop)
    compared("simulate and draw", unit, problems * steps, observed, env_loop, size=SIZE)
    return rows


# --- Planners


def bench_planners(backend: str = "torch") -> list[Row]:
    """All `PLANNERS`, on one small world model with random weights."""
    model, peak, peer = small_model(), matmul_flops(), find_peer()
    return [
        _compare(what if runs == "torch" else f"{what}, {runs}", planner, runs, problems, model, peak, peer)
        for runs in dict.fromkeys(("torch", backend))
        for what, (planner, problems) in PLANNERS.items()
    ]


def _compare(
    what: str, planner: Measured, backend: str, problems: int, model: WorldModel, peak: float, peer: ModuleType | None
) -> Row:
    rng = torch.Generator().manual_seed(0)
    z0, goal = torch.randn(2, problems, model.latent_dim, generator=rng).unbind()
    loop = min(LOOP, problems)
    losses: dict[str, float] = {}
    runner = on_backend(planner, backend)

    def scored(name: str, actions: Tensor) -> None:
        with torch.no_grad():
            ends = model.rollout(z0[:loop], actions[:loop])[:, -1]
        losses[name] = ((ends - goal[:loop]) ** 2).mean().item()

    def ours() -> None:
        init = no_warm_start(problems, HORIZON, model.block_dim)
        request = PlanRequest(model, z0, GoalDistance(goal, model.latent_dim), init, range(problems))
        scored("ours", runner.plan(request).actions)

    def plain() -> None:
        scored("plain", torch.cat([plain_plan(planner, model, z0[i : i + 1], goal[i : i + 1]) for i in range(loop)]))

    def theirs() -> None:
        assert peer
        scored("peer", peer_plan(peer, planner, model, z0, goal))

    seconds = alternate(ours, plain, *([theirs] if peer else []))
    gflops = problems * work(planner, model) / seconds[0] / 1e9
    unit = f"plan of {planner.iterations} steps"
    return Row(
        what,
        unit,
        ours=problems / seconds[0],
        plain=loop / seconds[1],
        peer=problems / seconds[2] if peer else None,
        loss=losses["ours"],
        plain_loss=losses["plain"],
        peer_loss=losses.get("peer"),
        gflops=gflops,
        ceiling=1e9 * gflops / peak,
    )


def small_model(latent: int = LATENT, hidden: int = HIDDEN) -> WorldModel:
    """A world model with random weights whose predictions do depend on the actions."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        spec = ModelSpec("wall", latent_dim=latent, proprio_dim=0, action_dim=ACTION, hidden=hidden, layers=LAYERS)
        model = WorldModel(spec)
        torch.nn.init.normal_(model.predictor.head.weight, std=0.05)
    return model.eval().requires_grad_(False)


def work(planner: Measured, model: WorldModel) -> float:
    """Floating-point operations in the matmuls of one plan.

    Adam goes forwards, and backwards to the actions alone: twice the work of a rollout.
    """
    if isinstance(planner, GradientPlanner):
        rollouts = 2 * planner.iterations
    elif isinstance(planner, ICEM):
        rollouts = sum(planner.candidates(i) for i in range(planner.iterations))
    else:
        rollouts = planner.samples * planner.iterations
    layers = [layer for layer in model.predictor.modules() if isinstance(layer, torch.nn.Linear)]
    return rollouts * HORIZON * sum(2.0 * layer.in_features * layer.out_features for layer in layers)


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
