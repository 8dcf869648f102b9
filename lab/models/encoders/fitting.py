"""What encoders and the decoder are fitted with: pictures of the offline data, an error of drawing, an optimiser."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from lab.errors import LabError
from lab.tensors import load_tensors, save_tensors

EVERY = 100  #: steps between two checkpoints


def to_channels(images: Tensor) -> Tensor:
    """uint8 pictures (B, H, W, 3) as floats (B, 3, H, W) in [0, 1]."""
    return images.permute(0, 3, 1, 2).float() / 255


class Frames:
    """Random ones of the pictures ``pixels`` (N, H, W, 3) uint8, and how much each of their pixels matters.

    They are whole episodes of ``length`` pictures, one after the other; a model's step takes ``stride`` of these. In
    the folder ``run``, if there is one, `minimise` keeps checkpoints, from which a stopped fit is resumed.
    """

    def __init__(
        self, pixels: np.ndarray, seed: int, run: Path | None = None, length: int = 0, stride: int = 1
    ) -> None:
        self.pixels, self.run, self.length, self.stride = pixels, run, length or len(pixels), stride
        self.rng = torch.Generator().manual_seed(seed)
        self.background = self.batch(512).float().median(0).values  #: (H, W, 3), what most pictures show

    def batch(self, size: int) -> Tensor:
        """``size`` pictures (size, H, W, 3) uint8, some perhaps twice."""
        rows = torch.randint(len(self.pixels), (size,), generator=self.rng)
        return torch.from_numpy(self.pixels[rows.sort().values.numpy()])

    def walks(self, size: int) -> Tensor:
        """``size`` runs of three pictures (size, 3, H, W, 3) uint8, a model's step apart."""
        episode = torch.randint(len(self.pixels) // self.length, (size, 1), generator=self.rng)
        first = torch.randint(self.length - 2 * self.stride, (size, 1), generator=self.rng)
        rows = episode * self.length + first + self.stride * torch.arange(3)
        return torch.from_numpy(self.pixels[rows.numpy()])

    def sample(self, most: int) -> Tensor:
        """A `batch` of ``most`` pictures, or of as many as there are."""
        return self.batch(min(most, len(self.pixels)))

    def error(self, drawn: Tensor, images: Tensor) -> Tensor:
        """Squared error of ``drawn`` (B, 3, H, W), 11 times heavier where a picture differs from the background."""
        foreground = ((images.float() - self.background).abs().amax(-1) > 20).float()[:, None]
        weight = F.adaptive_avg_pool2d(1 + 10 * foreground, drawn.shape[-2:])
        target = F.adaptive_avg_pool2d(to_channels(images), drawn.shape[-2:])
        return (weight * (drawn - target) ** 2).mean()


def minimise(
    frames: Frames,
    loss: Callable[[], Tensor],
    parameters: list[nn.Parameter],
    steps: int,
    lr: float,
    what: str,
    progress: bool,
) -> None:
    """``steps`` steps of Adam down ``loss()`` of ``frames``, whose learning rate rises to ``lr`` and falls (one cycle).

    Raises LabError for a loss that is not finite, and for a checkpoint that cannot be resumed from.
    """
    optimiser = torch.optim.Adam(parameters, lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, steps)
    path = frames.run and frames.run / f"{what.replace(' ', '-')}.safetensors"
    first = _resume(path, frames, parameters, optimiser) if path and path.is_file() else 0
    schedule.last_epoch = first
    for step in tqdm(range(first, steps), what, steps, initial=first, delay=2, disable=not progress):
        optimiser.zero_grad()
        value = loss()
        if not torch.isfinite(value):
            raise LabError(f"The loss of {what} is {value.item()} at step {step} of {steps}: change the encoder.")
        value.backward()
        optimiser.step()
        schedule.step()
        if path and ((step + 1) % EVERY == 0 or step + 1 == steps):
            _save(path, step + 1, frames, parameters, optimiser)


def _save(
    path: Path, step: int, frames: Frames, parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer
) -> None:
    """Write all that `minimise` needs to go on at ``step``."""
    tensors = {f"parameter.{i}": parameter for i, parameter in enumerate(parameters)}
    for i, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{name}": value for name, value in moments.items()}
    tensors |= {"frames": frames.rng.get_state(), "torch": torch.get_rng_state()}
    options = {name: value for name, value in optimiser.param_groups[0].items() if name != "params"}
    save_tensors(path, tensors, step=str(step), options=json.dumps(options))


@torch.no_grad()
def _resume(path: Path, frames: Frames, parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer) -> int:
    """Take over what `_save` wrote; returns the step to go on at."""
    try:
        tensors, about = load_tensors(path)
        for i, parameter in enumerate(parameters):
            parameter.copy_(tensors[f"parameter.{i}"])
        saved: dict[str, Any] = optimiser.state_dict()
        saved["param_groups"][0] |= json.loads(about["options"])
        for name, tensor in tensors.items():
            if name.startswith("optimiser."):
                _, number, moment = name.split(".")
                saved["state"].setdefault(int(number), {})[moment] = tensor
        optimiser.load_state_dict(saved)
        frames.rng.set_state(tensors["frames"])
        torch.set_rng_state(tensors["torch"])
        return int(about["step"])
    except (LabError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise LabError(f"{path} cannot be resumed from ({reason}); delete it to start over.") from error
