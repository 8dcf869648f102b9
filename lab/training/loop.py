"""The training loop of all methods: AdamW with a cosine schedule, averaged weights, a log, and checkpoints."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from lab.errors import LabError, as_number, check_made, has_methods, is_whole
from lab.options import changed, make_plain
from lab.planning.streams import Seed, generators
from lab.tensors import load_tensors, save_tensors
from lab.training.identity import identity
from lab.training.log import Line, Log

EVERY = 50  #: steps between two lines of the log
MOST = 10**9  #: steps, or rows of a batch


@dataclass(frozen=True)
class Schedule:
    """Length, learning rate and batch size of a training. Raises LabError for numbers out of range."""

    steps: int = 3000  #: gradient steps
    lr: float = 1e-3
    batch: int = 256
    weight_decay: float = 0.01
    checkpoint_every: int = 500  #: steps
    #: decay of the exponential moving average of the weights, which the trained model takes over; 0: no average
    average: float = 0.0
    bfloat16: bool = False  #: losses are computed in bfloat16, where torch deems it safe; weights stay in float32

    def __post_init__(self) -> None:
        counts = {"steps": 1, "batch": 2, "checkpoint_every": 1}
        whole = all(is_whole(n := getattr(self, name)) and least <= n <= MOST for name, least in counts.items())
        lr, weight_decay, average = map(as_number, (self.lr, self.weight_decay, self.average))
        if not (whole and 0 < lr < 1e31 and 0 <= weight_decay < 1e31 and 0 <= average < 1):
            raise LabError(
                "Training needs whole steps >= 1 and batch >= 2, 0 < lr < 1e31 and an average from 0 to below 1, got "
                f"{asdict(self)}."
            )
        make_plain(self)


class Learner(Protocol):
    """What can be trained: a world model (`lab.models.Trainable`), or another network."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """Those that require a gradient are trained."""
        ...


class Method(Protocol):
    """A training method: it draws batches, perhaps changes them, and defines the loss on them.

    A subclass that keeps nothing from one step to the next needs `loss` alone. Where a training is not finite, a method
    may say by the text ``remedy`` what to do; otherwise it is to lower lr.
    """

    def loss(self, model: Any, step: int, schedule: Schedule, rng: torch.Generator) -> dict[str, Tensor]:
        """The quantity to minimise at ``step`` of the ``schedule``, as ``loss``, and others to log beside it."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Tensors that a checkpoint needs besides weights and optimiser."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned."""
        return None


def fit(
    model: Learner, method: Method, schedule: Schedule, seed: Seed = 0, run: Path | None = None, progress: bool = True
) -> list[Line]:
    """Train, in place, all parameters of ``model`` that require a gradient; returns the log, a dict per logged step.

    The folder ``run`` gets the log ``metrics.jsonl`` and a checkpoint, from which a killed run is resumed. Without a
    folder, nothing is written. Raises LabError for a model, method, schedule or folder that is none, where no parameter
    requires a gradient, where the model gives none, and where loss or weights are not finite. Raises it, too, where
    checkpoint or log have been changed, or are of another run: of a ``method`` with other settings or data (see
    `lab.training.identity`), of another ``schedule`` or ``seed``, or of a model that began with other weights.
    """
    _check(model, method, schedule, run)
    training = _Training(model, method, schedule, seed)
    first = training.resume(run) if run else 0
    log = Log(run, first)
    name = run.name if run else type(method).__name__
    steps = tqdm(range(first, schedule.steps), name, schedule.steps, initial=first, delay=2, disable=not progress)
    for step in steps:
        values = training.losses(step)
        training.descend(values["loss"], step)
        if step % EVERY == 0 or step == schedule.steps - 1:
            log.append({"step": step, **{name: round(float(value.detach()), 7) for name, value in values.items()}})
        if run and (step + 1) % schedule.checkpoint_every == 0:
            training.save(run, step + 1)
    training.finish()
    return log.lines


def _check(model: object, method: object, schedule: object, run: object) -> None:
    if not has_methods(model, "parameters"):
        raise LabError(f"What is trained has parameters, as a torch.nn.Module has, got {model!r:.80}.")
    if not has_methods(method, "loss"):
        raise LabError(f"A training method has a method loss, as that of TeacherForcing(data) has, got {method!r:.80}.")
    check_made("The schedule of a training", schedule, Schedule)
    if run is not None:
        check_made("The folder of a run", run, Path)


class _Training:
    """The state of `fit` between two steps: model, method, optimiser, schedule and random numbers."""

    def __init__(self, model: Learner, method: Method, schedule: Schedule, seed: Seed) -> None:
        self.model, self.method, self.schedule, self.seed = model, method, schedule, seed
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not self.parameters:
            raise LabError(
                f"{type(model).__name__} has no parameter to train: call requires_grad_(True) on what predicts."
            )
        if any(parameter.is_inference() for parameter in self.parameters):
            raise LabError(
                f"{type(model).__name__} was built under torch.inference_mode: build it outside to train it."
            )
        self.rate = schedule.lr  #: learning rate of the last step
        self.average = [parameter.detach().clone() for parameter in self.parameters if schedule.average]
        self.optimiser = torch.optim.AdamW(self.parameters, schedule.lr, weight_decay=schedule.weight_decay, fused=True)
        self.cosine = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, schedule.steps)
        (self.rng,) = generators([seed], torch.device("cpu"))

    def losses(self, step: int) -> dict[str, Tensor]:
        """The method's losses at ``step``. Raises LabError for anything but numbers by name, with one called loss."""
        with torch.autocast(self.parameters[0].device.type, torch.bfloat16, enabled=self.schedule.bfloat16):
            values = self.method.loss(self.model, step, self.schedule, self.rng)
        numbers = isinstance(values, dict) and all(isinstance(v, Tensor) and v.numel() == 1 for v in values.values())
        if not numbers or "loss" not in values:
            raise LabError(
                f"{type(self.method).__name__}.loss should return a dict of tensors of one number each, one of them "
                f"under 'loss', got {_described(values)}."
            )
        return values

    def descend(self, loss: Tensor, step: int) -> None:
        """Take one optimiser step on ``loss``."""
        (self.rate,) = self.cosine.get_last_lr()
        if not torch.isfinite(loss):
            raise self.stopped(f"The loss is {loss.item()}", step)
        if not loss.requires_grad:
            raise LabError(
                f"{type(self.model).__name__}.predict gives no gradient for the model's parameters: let it compute "
                "with torch, without no_grad or detach."
            )
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.cosine.step()
        if self.average:
            new = 1 - min(self.schedule.average, (step + 1) / (step + 10))  # the first weights are soon forgotten
            torch._foreach_lerp_(self.average, [parameter.detach() for parameter in self.parameters], new)

    def finish(self) -> None:
        """Give the model its averaged weights. Raises LabError where a weight is not finite."""
        with torch.no_grad():
            for parameter, average in zip(self.parameters, self.average or self.parameters, strict=True):
                parameter.copy_(average)
        self.check_finite(self.schedule.steps - 1)

    def check_finite(self, step: int) -> None:
        """Raise LabError where a weight is NaN or infinite after ``step``."""
        if not all(torch.isfinite(parameter).all() for parameter in self.parameters):
            raise self.stopped("Weights are not finite", step)

    def stopped(self, why: str, step: int) -> LabError:
        """An error that says what to do about a training that ends at ``step``."""
        remedy = getattr(self.method, "remedy", "lower lr")
        return LabError(
            f"{why} at step {step}, where the learning rate is {self.rate:.3g}, so that training stops: {remedy} "
            f"(lr is {self.schedule.lr:g})."
        )

    def save(self, run: Path, step: int) -> None:
        """Write a checkpoint from which training resumes at ``step``."""
        self.check_finite(step - 1)
        tensors = {f"model.{name}": tensor.detach() for name, tensor in self._tensors()}
        for i, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{name}": value for name, value in moments.items()}
        tensors |= {f"average.{i}": average for i, average in enumerate(self.average)}
        tensors |= {f"method.{name}": value for name, value in self.method.state().items()}
        tensors |= {"rng": self.rng.get_state(), "step": torch.tensor(step)}
        save_tensors(run / "state.safetensors", tensors, run=self.identity)

    def resume(self, run: Path) -> int:
        """Load the checkpoint in ``run``, if there is one; returns the step to go on at."""
        path = run / "state.safetensors"
        self.identity = self._identity()
        if not path.is_file():
            return 0
        tensors, about = load_tensors(path)
        if about != {"run": self.identity}:
            raise LabError(f"{path} is another run's: give this one another folder, or delete the file to start over.")
        step = int(tensors["step"])
        self._restore(tensors)
        for _ in range(step):
            self.optimiser.zero_grad()
            self.optimiser.step()  # changes nothing without gradients, but the schedule counts on it
            self.cosine.step()
        return step

    def _identity(self) -> str:
        """What a run is known by: its settings and data, and the weights that it begins with."""
        digest = hashlib.sha256(f"{identity(self.method)} {changed(self.schedule)} {self.seed}".encode())
        for name, tensor in self._tensors():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().numpy(force=True).tobytes())
        return digest.hexdigest()

    def _restore(self, tensors: Mapping[str, Tensor]) -> None:
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "optimiser": {}, "average": {}, "method": {}}
        device = self.parameters[0].device
        for name, tensor in tensors.items():
            group, _, key = name.partition(".")
            if key:
                groups[group][key] = tensor.to(device)
        with torch.no_grad():
            for name, tensor in self._tensors():
                tensor.copy_(groups["model"][name])
        for number, average in enumerate(self.average):
            average.copy_(groups["average"][str(number)])
        saved: dict[str, Any] = self.optimiser.state_dict()
        for name, tensor in groups["optimiser"].items():
            i, moment = name.split(".")
            saved["state"].setdefault(int(i), {})[moment] = tensor
        self.optimiser.load_state_dict(saved)
        self.method.restore(groups["method"])
        self.rng.set_state(tensors["rng"])

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors of the model that training changes, by name."""
        if not isinstance(self.model, nn.Module):
            raise LabError(f"To be resumed, a model must be a torch.nn.Module; {type(self.model).__name__} is none.")
        yield from ((name, tensor) for name, tensor in self.model.named_parameters() if tensor.requires_grad)
        yield from self.model.named_buffers()


def _described(values: object) -> str:
    """What a method has returned, without its numbers."""
    if isinstance(values, dict):
        return f"{{{', '.join(f'{name!r}: {_described(value)}' for name, value in values.items())}}}"
    return f"a tensor {tuple(values.shape)}" if isinstance(values, Tensor) else repr(values)
