"""The paper's encoder: the patch tokens of a frozen DINOv2, whose weights stay outside of our checkpoints.

The weights are a folder in the layout of the Hugging Face hub (``config.json``, ``model.safetensors``): that of
`lab.machine.MACHINE` (``$LAB_DINO``), the one a model names, or the hub's cache. Nothing is ever downloaded here.
"""

import functools
import hashlib
import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from lab.errors import LabError, is_whole
from lab.files import read_json
from lab.machine import MACHINE
from lab.models.encoders.encoder import PatchEncoder, Patches
from lab.models.encoders.fitting import to_channels

SMALL = "facebook/dinov2-small"  #: ViT-S/14 on the hub
SETTING = "LAB_DINO (in Python: lab.machine.MACHINE.dino)"  #: that names the folder of the weights
FILES = ("config.json", "model.safetensors")
#: what of ``config.json`` decides the tokens; the rest is bookkeeping that differs from one release to the next
ARCHITECTURE = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "patch_size", "image_size", "num_channels",
    "mlp_ratio", "hidden_act", "layer_norm_eps", "qkv_bias", "use_swiglu_ffn",
)  # fmt: skip


class DinoPatches(PatchEncoder):
    """Pictures (B, H, W, 3) uint8 -> tokens (B, P * C): P patches, row by row, of C channels each.

    Pixels are scaled to [-1, 1], as the paper does; the tokens are the last layer's, normalised. Raises LabError where
    the weights are missing, or are others than those of ``digest``.
    """

    kind = "dino"
    most_frames = 512
    slow = True

    def __init__(self, source: str, digest: str) -> None:
        super().__init__(source, digest)
        folder = find_weights(source)
        if (found := weights_digest(folder)) != digest:
            raise LabError(
                f"The world model was made with other DINOv2 weights ({source}, {digest}) than those in {folder} "
                f"({found}): name the folder of the right ones by {SETTING}, or train it again."
            )
        self._frozen = (_load(folder),)  # in a tuple, so that its weights are not counted among the model's own

    def _apply(self, fn, recurse: bool = True) -> "DinoPatches":
        """Moves the frozen part along."""
        self._frozen[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        pixels = 2 * to_channels(images) - 1
        tokens = self._frozen[0](pixel_values=pixels).last_hidden_state
        return tokens[:, 1:].flatten(1)  # the first belongs to no patch

    @classmethod
    def patches(cls, size: int) -> Patches:
        """Those of the weights in the folder of `MACHINE`, else of ViT-S/14.

        The source is the name on the hub in either case, so that a checkpoint holds no folder of this machine; that
        the weights are the same is known by their digest.
        """
        folder = find_weights(SMALL)
        architecture = architecture_of(folder)
        side, rest = divmod(size, architecture["patch_size"])
        if rest or not side:
            raise LabError(f"Pictures of {size} pixels do not divide into patches of {architecture['patch_size']}.")
        return Patches(side**2, architecture["hidden_size"], SMALL, weights_digest(folder))


def find_weights(source: str) -> Path:
    """The folder of the weights called ``source`` (a folder, or a name on the hub); that of `MACHINE` goes first.

    Raises LabError, saying how to get them, if they are not on this machine.
    """
    if folder := MACHINE.dino:
        if missing := [name for name in FILES if not (folder / name).is_file()]:
            raise LabError(
                f"There is no {missing[0]} in {folder}: name a folder with {' and '.join(FILES)} by {SETTING}."
            )
        return folder
    if all((Path(source) / name).is_file() for name in FILES):
        return Path(source)
    found = [_cached(source, name) for name in FILES]
    if not all(found):
        raise LabError(
            f"The weights of DINOv2 ({source}) are not on this machine: run "
            f"'hf download {source} {' '.join(FILES)}' once, or name a folder with them by {SETTING}."
        )
    return Path(str(found[0])).parent


def weights_digest(folder: Path) -> str:
    """The start of a SHA-256 of all that decides the tokens: the weights' file and the architecture."""
    path = folder / "model.safetensors"
    stat = path.stat()
    architecture = json.dumps({name: architecture_of(folder).get(name) for name in ARCHITECTURE})
    return hashlib.sha256((_file_hash(path, stat.st_size, stat.st_mtime_ns) + architecture).encode()).hexdigest()[:16]


def architecture_of(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a DINOv2; raises LabError for that of anything else."""
    config = read_json(folder / "config.json")
    if not isinstance(config, dict) or config.get("model_type") != "dinov2":
        raise LabError(f"{folder / 'config.json'} is not that of a DINOv2 (its model_type should be dinov2).")
    for name in ("hidden_size", "patch_size"):
        if not is_whole(config.get(name), 1):
            raise LabError(f"{folder / 'config.json'} does not name its {name}.")
    return config


@functools.lru_cache(maxsize=8)
def _file_hash(path: Path, size: int, changed: int) -> str:
    """Of a file's content; size and time of change are there so that a changed file is read again."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _library(name: str) -> ModuleType:
    """Imported only where it is needed: it takes seconds, and not everybody has it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise LabError("DINOv2 needs one more library: pip install -e '.[dino]'.") from error


def _cached(source: str, name: str) -> str | None:
    """The file in the hub's cache, or None."""
    hub = _library("huggingface_hub")
    try:
        found = hub.try_to_load_from_cache(source, name)
    except hub.errors.HFValidationError:  # the path of a folder that is gone
        return None
    return found if isinstance(found, str) else None


def _load(folder: Path) -> nn.Module:
    """The network in ``folder``, frozen; raises LabError unless it is whole."""
    transformers = _library("transformers")
    quiet = transformers.utils.logging
    shown, level = quiet.is_progress_bar_enabled(), quiet.get_verbosity()
    quiet.disable_progress_bar()
    quiet.set_verbosity_error()
    try:
        network, report = transformers.Dinov2Model.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:
        raise LabError(f"{folder} does not hold the weights of a DINOv2 ({str(error).splitlines()[0]}).") from error
    finally:
        quiet.set_verbosity(level)
        if shown:
            quiet.enable_progress_bar()
    if wrong := [*report["missing_keys"], *report["mismatched_keys"]]:
        raise LabError(
            f"{folder / FILES[1]} does not hold the weights of a DINOv2: {wrong[0]} is missing or misshapen."
        )
    return network.eval().requires_grad_(False)
