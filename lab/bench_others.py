"""What the bench compares with: plain loops, other packages' simulators, and stable-worldmodel's solvers."""

import io
import json
import subprocess
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from lab.data import HORIZON
from lab.errors import LabError
from lab.models import WorldModel
from lab.planning import CEM, ICEM, GradientPlanner

Measured = GradientPlanner | CEM | ICEM  #: the kinds of planners that are measured


def plain_rollout(model: WorldModel, z: Tensor, actions: Tensor) -> Tensor:
    """The last latent (B, Z) after ``actions`` (B, H, A), step by step."""
    for action in actions.unbind(1):
        z = model.step(z, action)
    return z


def plain_plan(planner: Measured, model: WorldModel, z0: Tensor, goal: Tensor) -> Tensor:
    """The plan (1, H, A) of one problem by a plain loop."""
    if isinstance(planner, GradientPlanner):
        return plain_adam(planner, model, z0, goal)
    return plain_cem(planner, model, z0, goal)


def plain_adam(planner: GradientPlanner, model: WorldModel, z0: Tensor, goal: Tensor) -> Tensor:
    """One problem with ``torch.optim.Adam`` and ``backward``, which also collects gradients of all weights."""
    for weight in model.parameters():
        weight.requires_grad_(True)
    actions = torch.randn(1, HORIZON, model.block_dim, requires_grad=True)
    optimiser = torch.optim.Adam([actions], planner.lr)
    for _ in range(planner.iterations):
        optimiser.zero_grad()
        ((plain_rollout(model, z0, actions) - goal)[:, : model.latent_dim] ** 2).mean().backward()
        optimiser.step()
    for weight in model.parameters():
        weight.requires_grad_(False).grad = None
    return actions.detach()


@torch.no_grad()
def plain_cem(planner: CEM | ICEM, model: WorldModel, z0: Tensor, goal: Tensor) -> Tensor:
    """One problem, its samples side by side."""
    mean, std = torch.zeros(HORIZON, model.block_dim), torch.full((HORIZON, model.block_dim), planner.std)
    for _ in range(planner.iterations):
        actions = mean + std * torch.randn(planner.samples, HORIZON, model.block_dim)
        z = plain_rollout(model, z0.expand(planner.samples, -1), actions)
        loss = ((z - goal)[:, : model.latent_dim] ** 2).mean(-1)
        elites = actions[loss.topk(planner.elites, largest=False).indices]
        mean, std = elites.mean(0), elites.std(0)
    return mean[None]


def find_peer() -> ModuleType | None:
    """The solvers of stable-worldmodel, or None."""
    try:
        from stable_worldmodel import solver
    except ImportError:  # optional, and it asks for more than it declares
        return None
    return solver


@dataclass(frozen=True)
class _Costable:
    """Our world model as the peer's solvers want it."""

    model: WorldModel

    def parameters(self):
        return self.model.parameters()

    def get_cost(self, info: dict, actions: Tensor) -> Tensor:
        z = plain_rollout(self.model, info["z"].flatten(0, 1), actions.flatten(0, 1))
        squared = (z - info["goal"].flatten(0, 1)) ** 2
        return squared[:, : self.model.latent_dim].mean(-1).view(actions.shape[:2])


def peer_plan(peer: ModuleType, planner: Measured, model: WorldModel, z0: Tensor, goal: Tensor) -> Tensor:
    """The same plans by stable-worldmodel, in its own defaults for how many problems are taken at once."""
    from stable_worldmodel import PlanConfig

    cost, device = _Costable(model), "cpu"
    if isinstance(planner, GradientPlanner):
        options = {"optimizer_cls": torch.optim.Adam, "optimizer_kwargs": {"lr": planner.lr}}
        solver = peer.GradientSolver(cost, planner.iterations, device=device, **options)
    else:
        options = {"num_samples": planner.samples, "n_steps": planner.iterations, "topk": planner.elites}
        solver = peer.CEMSolver(cost, device=device, **options)
    space = gym.spaces.Box(-np.inf, np.inf, (len(z0), model.spec.action_dim))
    config = PlanConfig(horizon=HORIZON, receding_horizon=HORIZON, action_block=model.spec.frameskip)
    solver.configure(action_space=space, n_envs=len(z0), config=config)
    with redirect_stdout(io.StringIO()):
        return solver.solve({"z": z0, "goal": goal})["actions"]


# --- Simulators of other packages


@dataclass(frozen=True)
class Simulator:
    """One of another package, in a process of that package's Python, which is asked how long it takes."""

    name: str  #: of the package, with its version
    task: str  #: of ours that it simulates
    any_size: bool  #: whether its pictures can be as large as ours
    process: subprocess.Popen[str]

    def seconds(self, states: np.ndarray, actions: np.ndarray, size: int) -> float:
        """Seconds of the steps from the first of ``states`` (n, T + 1, S) by ``actions`` (n, T, A).

        Each state is drawn at ``size`` pixels a side, if that is not 0.
        """
        assert self.process.stdin and self.process.stdout
        question = {"states": states.tolist(), "actions": actions.tolist(), "size": size}
        print(json.dumps(question | {"task": self.task, "name": self.name}), file=self.process.stdin, flush=True)
        if not (answer := self.process.stdout.readline()):
            raise LabError(f"{self.name} failed while it simulated {self.task}: see above, or leave its --peer out.")
        return json.loads(answer)


def simulators(pythons: Sequence[str]) -> list[Simulator]:
    """Those that the interpreters ``pythons`` can import; raises LabError for one that has none."""
    found = []
    for python in pythons:
        process = _start(python)
        installed = json.loads(process.stdout.readline() or "[]") if process.stdout else []
        if not installed:
            raise LabError(f"{python} imports neither gym_pusht nor stable_worldmodel: install one there, see --help.")
        found += [Simulator(name, task, any_size, process) for task, name, any_size in installed]
    return found


def _start(python: str) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("bench_peer.py")
    command = [python, "-I", "-W", "ignore", str(script)]  # -I: the folder of the script is none of its modules
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
    except OSError as error:
        raise LabError(f"{python} cannot be run: expected the Python of an environment, got {error}.") from error
