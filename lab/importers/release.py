"""World models of the authors' release, as models of the patch-token family.

A run of theirs is a folder with ``hydra.yaml`` and ``checkpoints/model_*.pth`` (their ``train.py``), which holds live
objects: predictor, action and proprioception encoder, decoder, optimisers. Their predictor is ours without the residual
(`lab.models.patches`): one step is the same up to rounding. Three things differ. Theirs predicts an embedding of
proprioception in every patch, of which ours keeps the mean, as the numbers that it is an embedding of. Their decoder,
which only draws, is not taken over: a small one is fitted. And our simulators draw their pictures anew: PushT's and
Wall's are alike, PointMaze's are not (see `lab.tasks`).
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lab.benchmarks import recipe_of
from lab.checksums import file_hash
from lab.data import DataSpec, load_or_collect
from lab.data.imported import imported_statistics
from lab.errors import LabError, check_known, is_whole
from lab.files import MODELS, models_root, read_bytes
from lab.importers.pickles import read_torch, weights
from lab.models import PatchSpec, WorldModel, save_model
from lab.models.patches import EMBEDDING, HEAD
from lab.tasks import make_task
from lab.training.encoder import fit_decoder
from lab.training.pipeline import description
from lab.training.recipes import PatchRecipe

FAMILY = "dino"
NAMES = {"pusht": "push_t", "point_maze": "point_maze", "wall": "wall"}  #: of tasks, theirs and ours
PARTS = ("predictor", "action_encoder", "proprio_encoder")
PICTURES = 20  #: episodes that the decoder is fitted on
#: mean and standard deviation of their PushT data, ``datasets/pusht_dset.py``
PUSH_T = {
    "action_mean": (-0.0087, 0.0068), "action_std": (0.2019, 0.2002),
    "proprio_mean": (236.6155, 264.5674, -2.93032027, 2.54307914),
    "proprio_std": (101.1202, 87.0112, 74.84556075, 74.14009094),
}  # fmt: skip

Weights = Mapping[str, Tensor]


def import_release(
    folder: Path, task: str, name: str, data: str = "", preset: str = "quick", progress: bool = True
) -> Path:
    """Store the run in ``folder`` as the model ``name`` (base, online, …) of ``task`` in the family dino.

    Commands, studies and the app find it there, and finetuning starts from it. Actions and proprioception are
    standardised by PushT's constants, else by the imported data set ``data``. Returns the model's folder. Raises
    LabError where there is such a model already, where the run is of another task or shape, and for refused files.
    """
    check_known("model", name, MODELS)
    target = models_root(preset, FAMILY) / task / name / "seed0"
    if target.exists():
        raise LabError(f"There is a model {name} of {task} in {target} already: delete it, or take another name.")
    settings, path = _settings(folder / "hydra.yaml", task), _checkpoint(folder / "checkpoints")
    parts = read_torch(path)
    if not isinstance(parts, dict) or not set(PARTS) <= set(parts):
        raise LabError(f"{path} is no checkpoint of the authors' train.py: it should have {', '.join(PARTS)}.")
    found = {part: weights(parts[part], path) for part in PARTS}
    recipe = recipe_of(task, preset, FAMILY)
    assert isinstance(recipe, PatchRecipe)
    spec = _spec(found, replace(recipe, size=settings["img_size"] // 16 * 14).spec(make_task(task)), path)
    model = _model(spec, found, _statistics(task, data), path)
    pictures = load_or_collect(DataSpec(task, "train", PICTURES, size=spec.size), progress=progress)
    fit_decoder(model, pictures, recipe.decoder_steps, progress=progress)
    epoch = parts.get("epoch")
    source = {"file": path.name, "sha256": file_hash(path), "epoch": epoch if is_whole(epoch) else None}
    # in the place of the recipe's model, and under its description, so that finetuning does not train another base
    info = {"task": task, "method": name, "seed": 0, "recipe": description(recipe, name), "imported": source}
    save_model(model, target, info)
    return target


def _settings(path: Path, task: str) -> Mapping[str, Any]:
    """Their ``hydra.yaml``; raises LabError unless it is of ``task`` and of the one layout that the paper uses."""
    try:
        import yaml
    except ImportError as error:
        raise LabError("Their hydra.yaml needs one more library: pip install -e '.[importers]'.") from error
    try:
        settings = yaml.safe_load(read_bytes(path).decode())
        theirs = settings["env"]["name"]
        layout = [settings[name] for name in ("concat_dim", "num_action_repeat", "num_proprio_repeat")]
        size = settings["img_size"]
        if not isinstance(theirs, str):  # what is nested in itself may be longer than any memory once it is told
            raise TypeError("its env.name is no text")
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise LabError(f"{path} is no hydra.yaml of the authors' train.py ({reason}).") from error
    if NAMES.get(theirs) != task:
        raise LabError(f"{path} is of {NAMES.get(theirs, theirs)}, not of {task}.")
    if layout != [1, 1, 1] or not isinstance(size, int):
        raise LabError(f"{path} lays its tokens out in another way than the paper: concat_dim and repeats are not 1.")
    return settings


def _checkpoint(folder: Path) -> Path:
    """The file of the last epoch."""
    if (latest := folder / "model_latest.pth").is_file():
        return latest
    epochs = {path.stem.removeprefix("model_"): path for path in folder.glob("model_*.pth")}
    numbered = {int(epoch): path for epoch, path in epochs.items() if epoch.isdecimal()}
    if not numbered:
        raise LabError(f"There is no model_latest.pth or model_<epoch>.pth in {folder}.")
    return numbered[max(numbered)]


def _spec(found: Mapping[str, Weights], ours: PatchSpec, path: Path) -> PatchSpec:
    """``ours`` with the sizes of what was found; raises LabError where one cannot be that of ours."""
    try:
        frames, width = found["predictor"]["pos_embedding"].shape[1:]
        first = {name: found["predictor"][f"transformer.layers.0.{name}.weight"] for name in ("0.to_qkv", "1.net.1")}
    except (KeyError, ValueError) as error:
        raise LabError(f"{path} has no predictor of the authors' models/vit.py ({error}).") from error
    layers = len({name.split(".")[2] for name in found["predictor"] if name.startswith("transformer.layers.")})
    heads, hidden = len(first["0.to_qkv"]) // (3 * HEAD), len(first["1.net.1"])
    history, rest = divmod(frames, ours.patches)
    if rest or width != ours.channels + EMBEDDING:
        raise LabError(
            f"{path} has {frames} tokens of {width} numbers, and with the DINOv2 here they are a multiple of "
            f"{ours.patches}, of {ours.channels + EMBEDDING}: name the folder of the right weights by $LAB_DINO."
        )
    return replace(ours, history=history, layers=layers, heads=heads, hidden=hidden, residual=False)


def _statistics(task: str, data: str) -> dict[str, Tensor]:
    """Mean and standard deviation of the actions and the proprioception that the model was trained on."""
    if not data and task == "push_t":
        return {name: torch.tensor(values) for name, values in PUSH_T.items()}
    if not data:
        raise LabError(
            f"A checkpoint of theirs holds no statistics: import their data of {task} first "
            "('python -m lab import authors …'), and name them by --data."
        )
    return {name: torch.tensor(values) for name, values in imported_statistics(task, data).items()}


def _model(spec: PatchSpec, found: Mapping[str, Weights], statistics: Weights, path: Path) -> WorldModel:
    """The world model with their predictor; raises LabError where a weight has another shape than ours."""
    model = WorldModel(spec).requires_grad_(False)
    try:
        model.predictor.load_state_dict(convert(found, spec))
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise LabError(f"{path} does not fit the patch-token family of {spec.task}: {reason}.") from error
    for name, values in statistics.items():
        getattr(model, name).copy_(values)
    return model.eval()


def convert(found: Mapping[str, Weights], spec: PatchSpec) -> dict[str, Tensor]:
    """Their weights under the names of `PatchTransformer`, as float32.

    A token is (picture, embedded proprioception, embedded action). The head reads the picture off it as it is, and the
    proprioception by the pseudoinverse of its embedding.
    """
    theirs = {name: value.float() for name, value in found["predictor"].items()}
    (act, act_bias), (sense, sense_bias) = (
        (found[part]["patch_embed.weight"].float().squeeze(-1), found[part]["patch_embed.bias"].float())
        for part in ("action_encoder", "proprio_encoder")
    )
    back, picture = torch.linalg.pinv(sense), torch.eye(spec.channels, spec.channels + EMBEDDING)
    read = torch.zeros(len(back), spec.channels + EMBEDDING)
    read[:, spec.channels : spec.channels + len(sense)] = back
    ours = {
        "embed.weight": torch.block_diag(sense, act),
        "embed.bias": torch.cat([sense_bias, act_bias]),
        "position": theirs["pos_embedding"].view(spec.history, spec.patches, -1),
        "head.weight": torch.cat([picture, read]),
        "head.bias": torch.cat([torch.zeros(spec.channels), -back @ sense_bias]),
    }
    ours |= {f"norm.{kind}": theirs[f"transformer.norm.{kind}"] for kind in ("weight", "bias")}
    for layer in range(spec.layers):
        for mine, name in BLOCK.items():
            ours[f"blocks.{layer}.{mine}"] = theirs[f"transformer.layers.{layer}.{name}"]
    return ours


#: our names of a layer's weights, and theirs
BLOCK = {"queries_keys_values.weight": "0.to_qkv.weight"} | {
    f"{mine}.{kind}": f"{name}.{kind}"
    for mine, name in {
        "before_attention": "0.norm", "out": "0.to_out.0", "perceptron.0": "1.net.0", "perceptron.1": "1.net.1",
        "perceptron.3": "1.net.4",
    }.items()
    for kind in ("weight", "bias")
}  # fmt: skip
