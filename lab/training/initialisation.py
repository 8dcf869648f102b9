"""Training of the initialisation network g on the data's actions: E || g(z_t, z_{t+h}) - a_{t..t+h} ||^2.

The data and the frozen encoder are those of the world models. The network learns every number of steps h up to the
planning horizon, so that it can start each replan of MPC as well. The state prior is the same network with a normal
distribution as output, trained to give these actions a high likelihood.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lab import files
from lab.data import HORIZON
from lab.errors import LabError
from lab.files import model_folder, models_root, train_options
from lab.locks import one_writer
from lab.models import WorldModel, load_model
from lab.models.checkpoint import read_info
from lab.models.initialisation import InitialisationNetwork, load_initialisation, save_initialisation
from lab.planning import Informed, Initialised, Planner
from lab.presets import PRESETS
from lab.training.latents import LatentData, encode_dataset, encoder_hash
from lab.training.loop import Method, Schedule, fit
from lab.training.pipeline import train
from lab.training.recipes import Recipe

NAME, PRIOR = files.NETWORKS
KINDS = {NAME: "initialisation network", PRIOR: "state prior"}  #: of networks, and what they are called
STARTED = "network+adam"  #: name of the planner that is Adam started from the network's proposal
SCHEDULE = Schedule(steps=6000, lr=1e-3, batch=256)
SMOKE = Schedule(steps=20, lr=1e-3, batch=32)


@dataclass
class InverseDynamics(Method):
    """Regression of the actions that lead from the start to the end of random segments of the data."""

    data: LatentData
    horizon: int = HORIZON  #: latent steps of the longest segment

    def __post_init__(self) -> None:
        steps, needed = self.data.actions.shape[1], self.horizon * self.data.frameskip
        if steps < needed:
            raise LabError(f"Episodes of {steps} steps are shorter than segments of {needed}: bring longer ones.")

    def loss(
        self, model: InitialisationNetwork, step: int, schedule: Schedule, rng: torch.Generator
    ) -> dict[str, Tensor]:
        """See `Method.loss`: the mean squared error of the standardised actions.

        Of a gaussian network: their mean negative log-likelihood, without the constant log(2 pi) / 2.
        """
        z0, goal, steps, blocks = self.batch(schedule.batch, rng)
        within = self._within(steps).to(blocks)
        mean, log_std = model(z0, goal, steps.to(z0.device))
        error = (mean * within - blocks) ** 2
        if model.gaussian:
            error = error / (2 * (2 * log_std).exp()) + log_std * within
        return {"loss": error.sum() / (within.sum() * blocks.shape[-1])}

    def batch(self, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """z at the start and at the end (B, Z), steps between (B,), and blocks (B, horizon, A), 0 beyond the end."""
        n, length, _ = self.data.actions.shape
        skip = self.data.frameskip
        episode = torch.randint(n, (size,), generator=rng)
        steps = torch.randint(1, self.horizon + 1, (size,), generator=rng)
        first = (torch.rand(size, generator=rng) * (length - steps * skip + 1)).long()
        window = (first[:, None] + torch.arange(self.horizon * skip)).clamp(max=length - 1)
        blocks = self.data.actions[episode[:, None], window].view(size, self.horizon, -1)
        start, end = self.data.at(episode, first), self.data.at(episode, first + steps * skip)
        return start, end, steps, blocks * self._within(steps).to(blocks)

    def _within(self, steps: Tensor) -> Tensor:
        """Which blocks (B, horizon, 1) lie within the first ``steps`` (B,)."""
        return (torch.arange(self.horizon) < steps[:, None])[..., None]


def train_initialisation(
    task: str,
    recipe: Recipe,
    preset: str = "quick",
    family: str = "small",
    progress: bool = True,
    kind: str = NAME,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Path:
    """Train the network of ``task``, of one of `KINDS`; returns its folder.

    It has the encoder and the data of the base model of the training ``seed``, which is trained first if there is none.
    """
    root, trained_base = models_root(preset, family), _base(task, seed, recipe, preset, family, progress, device)
    base, started = load_model(trained_base, device), time.perf_counter()
    data = recipe.data(task, read_info(trained_base).get("data_seed", 0), progress)
    schedule = SMOKE if PRESETS[preset].toy else SCHEDULE
    info = {"task": task, "seed": seed, "encoder": encoder_hash(base), "data": data.fingerprint}
    info["schedule"] = asdict(schedule)
    folder = root / task / kind / f"seed{seed}"
    run = folder / hashlib.sha256(json.dumps(info, sort_keys=True).encode()).hexdigest()[:16] / kind
    method = InverseDynamics(encode_dataset(base, data, progress))
    with one_writer(folder):
        if not _has_network(folder, info):
            network, loss = trained_network(method, schedule, progress, run, kind == PRIOR, seed)
            seconds = round(time.perf_counter() - started, 1)
            save_initialisation(network, folder, info | {"loss": round(loss, 5), "wall_seconds": seconds})
        shutil.rmtree(run.parent, ignore_errors=True)
    return folder


def _has_network(folder: Path, info: Mapping[str, Any]) -> bool:
    """Whether ``folder`` holds, unchanged, the network that ``info`` describes."""
    with suppress(LabError):
        found = load_initialisation(folder)[1]
        return {name: found.get(name) for name in info} == info
    return False


def trained_network(
    method: InverseDynamics,
    schedule: Schedule,
    progress: bool = True,
    run: Path | None = None,
    gaussian: bool = False,
    seed: int = 0,
) -> tuple[InitialisationNetwork, float]:
    """A network trained by ``method``, and its mean loss over the last tenth of the log.

    In the folder ``run``, a stopped training is resumed.
    """
    data = method.data
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        block_dim = data.frameskip * data.actions.shape[-1]
        network = InitialisationNetwork(data.z.shape[-1], block_dim, method.horizon, gaussian=gaussian)
    network = network.to(data.actions.device)
    log = fit(network, method, schedule, seed, run, progress)
    losses = [line["loss"] for line in log if line["step"] >= 0.9 * schedule.steps]
    return network.eval().requires_grad_(False), sum(losses) / len(losses)


def folders(task: str, preset: str = "quick", family: str = "small", kind: str = NAME) -> list[Path]:
    """The folders of all networks for ``task``: shipped ones, then those in the cache."""
    roots = (files.SHIPPED, models_root(preset, family))
    return [path.parent for root in roots for path in sorted((root / task / kind).glob("seed*/network.json"))]


def started(model: WorldModel, planner: Planner, preset: str = "quick") -> Initialised:
    """``planner``, started from the proposals of the network for ``model``; raises LabError if there is none."""
    return Initialised(initialisation_of(model, preset).propose, planner)


def informed(model: WorldModel, planner: Planner, preset: str = "quick", weight: float = 0.0) -> Informed:
    """``planner`` with the state prior for ``model``; raises LabError if there is none."""
    return Informed(initialisation_of(model, preset, PRIOR).believe, planner, weight)


def find_initialisation(model: WorldModel, preset: str = "quick", kind: str = NAME) -> InitialisationNetwork | None:
    """The network for the encoder of ``model``, shipped or in the cache; None if there is none."""
    for folder in folders(model.spec.task, preset, model.spec.family, kind):
        network, info = load_initialisation(folder, model.device)
        if info.get("encoder") == encoder_hash(model):
            return network
    return None


def initialisation_of(model: WorldModel, preset: str = "quick", kind: str = NAME) -> InitialisationNetwork:
    """As `find_initialisation`, but raises LabError if there is none."""
    network, task = find_initialisation(model, preset, kind), model.spec.task
    if network is None:
        raise LabError(
            f"No {KINDS[kind]} for this encoder of {task}: train it with "
            f"'python -m lab train --task {task} --method {kind}{train_options(preset, model.spec.family)}', with "
            "--seed N for models of the training seed N."
        )
    return network


def _base(
    task: str, seed: int, recipe: Recipe, preset: str, family: str, progress: bool, device: torch.device | str
) -> Path:
    """The folder of the base model, with the encoder of all models of its ``seed``; trained first if there is none."""
    try:
        return model_folder(task, "base", seed, preset, family)
    except LabError:
        return train(task, "base", seed, recipe, models_root(preset, family), progress=progress, device=device)
