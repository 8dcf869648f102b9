"""The training loop all methods share: AdamW on a cosine schedule, logged, and resumed after a kill."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm.auto import tqdm

from lab.errors import LabError
from lab.files import replacing
from lab.models import WorldModel


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train."""

    steps: int = 3000
    lr: float = 1e-3
    batch: int = 256
    weight_decay: float = 0.01
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 2 or self.lr <= 0:
            raise LabError(f"Training needs steps >= 1, batch >= 2 and lr > 0, got {asdict(self)}.")


class Method(Protocol):
    """What distinguishes the training methods: where a batch comes from and what is done to it."""

    def loss(self, model: WorldModel, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """The quantity to minimise as ``loss``, and others worth logging."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What must survive a kill besides the weights."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None: ...


def fit(model: WorldModel, method: Method, schedule: Schedule, seed: int, run: Path, progress: bool = True) -> None:
    """Train the predictor of ``model`` in place; ``run`` keeps ``metrics.jsonl`` and the state to resume from."""
    parameters = list(model.predictor.requires_grad_(True).parameters())
    optimiser = torch.optim.AdamW(parameters, schedule.lr, weight_decay=schedule.weight_decay)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, schedule.steps)
    rng = torch.Generator().manual_seed(seed)
    first = _resume(model, optimiser, method, rng, run)
    for _ in range(first):
        optimiser.step()  # changes nothing without gradients, but the schedule counts on it
        cosine.step()
    for step in tqdm(range(first, schedule.steps), desc=run.name, initial=first, total=schedule.steps, delay=2,
                     disable=not progress):  # fmt: skip
        values = method.loss(model, step, rng)
        optimiser.zero_grad()
        values["loss"].backward()
        optimiser.step()
        cosine.step()
        if step % 50 == 0 or step == schedule.steps - 1:
            _log(run, step, values)
        if (step + 1) % schedule.checkpoint_every == 0:
            _save(model, optimiser, method, rng, step + 1, run)
    model.predictor.requires_grad_(False)


def _log(run: Path, step: int, values: dict[str, Tensor]) -> None:
    run.mkdir(parents=True, exist_ok=True)
    with open(run / "metrics.jsonl", "a") as log:
        log.write(json.dumps({"step": step, **{k: round(float(v.detach()), 7) for k, v in values.items()}}) + "\n")


def _save(model: WorldModel, optimiser: torch.optim.Optimizer, method: Method, rng: torch.Generator, step: int,
          run: Path) -> None:  # fmt: skip
    tensors = {f"predictor.{name}": value for name, value in model.predictor.state_dict().items()}
    for i, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{name}": value for name, value in moments.items()}
    tensors |= {f"method.{name}": value for name, value in method.state().items()}
    tensors |= {"rng": rng.get_state(), "step": torch.tensor(step)}
    with replacing(run / "state.safetensors") as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)


def _resume(model: WorldModel, optimiser: torch.optim.Optimizer, method: Method, rng: torch.Generator,
            run: Path) -> int:  # fmt: skip
    path = run / "state.safetensors"
    if not path.is_file():
        (run / "metrics.jsonl").unlink(missing_ok=True)
        return 0
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise LabError(f"{path} cannot be resumed from ({error}); delete it to start over.") from error
    groups: dict[str, dict[str, Tensor]] = {"predictor": {}, "optimiser": {}, "method": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(".")
        if rest:
            groups[group][rest] = tensor.to(model.device)
    model.predictor.load_state_dict(groups["predictor"])
    saved = optimiser.state_dict()
    for name, tensor in groups["optimiser"].items():
        i, moment = name.split(".")
        saved["state"].setdefault(int(i), {})[moment] = tensor
    optimiser.load_state_dict(saved)
    method.restore(groups["method"])
    rng.set_state(tensors["rng"])
    step = int(tensors["step"])
    _drop_log_after(run / "metrics.jsonl", step)
    return step


def _drop_log_after(log: Path, step: int) -> None:
    """Forget lines logged after the last checkpoint: those steps are about to be taken again."""
    if log.is_file():
        lines = [
            line for line in log.read_text().splitlines() if line.endswith("}") and json.loads(line)["step"] < step
        ]
        with replacing(log) as temporary:
            temporary.write_text("".join(line + "\n" for line in lines))
