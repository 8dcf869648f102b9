"""What a browser needs to plan a task through its world models, as one safetensors file for `app/components/engine.js`.

Predictors are rounded to 16 bits, which halves the download; everything else keeps its precision.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from lab.benchmarks import card_of
from lab.data import HORIZON, sample_problems
from lab.errors import LabError
from lab.evaluation.drive import usual_error
from lab.evaluation.imagination import imagined
from lab.evaluation.success import evaluate
from lab.models import WorldModel
from lab.models.encoders import SIZE
from lab.models.encoders.pyramid import Pyramid
from lab.models.predictor import ResidualMLP
from lab.planning import GradientPlanner
from lab.planning.settings import shortened
from lab.planning.streams import first_plan_streams, generators, normal
from lab.plots.palette import LABELS, MODEL_COLOURS, label
from lab.plots.player import stage
from lab.tasks import make_task
from lab.training.latents import encoder_hash

WORLDS = ("wall", "point_maze")  #: tasks whose simulators ``app/components/worlds.js`` has
PROBLEMS = 50  #: test problems of each kind of goals
WATCHED = 100  #: steps of Adam at first, at most
ADAM = ("lr", "iterations", "noise", "start", "bound", "candidates", "cooling")  #: its options


def pack(task_name: str, models: Mapping[str, WorldModel]) -> bytes:
    """The file of a task in `WORLDS` and its ``models``, by name.

    Raises LabError for another task, and for models that are not perceptrons on one and the same pyramid encoder.
    """
    if task_name not in WORLDS:
        raise LabError(f"A browser simulates {' and '.join(WORLDS)} only, got {task_name}.")
    seen = _seen(models)
    about = _about(task_name, next(iter(models.values()))) | {
        "models": {
            name: {
                "label": LABELS.get(name, name),
                "colour": MODEL_COLOURS.get(name, MODEL_COLOURS["none"]),
                "usual": usual_error(model, make_task(task_name)),
            }
            for name, model in models.items()
        },
        "problem": _telling(task_name, models),
    }
    predictors = {
        f"{name}.{part}": tensor.half()
        for name, model in models.items()
        for part, tensor in model.predictor.state_dict().items()
    }
    tensors = {**seen, **predictors, **_problems(task_name, about["goals"], models)}
    return save({name: tensor.contiguous() for name, tensor in tensors.items()}, {"about": json.dumps(about)})


def runs_in_browser(model: WorldModel, beside: WorldModel) -> bool:
    """Whether a browser runs ``model``, together with the model ``beside``."""
    return isinstance(model.predictor, ResidualMLP) and encoder_hash(model) == encoder_hash(beside)


def _seen(models: Mapping[str, WorldModel]) -> dict[str, Tensor]:
    """Encoder and statistics, which all ``models`` share."""
    for name, model in models.items():
        if type(model.encoder) is not Pyramid or not isinstance(model.predictor, ResidualMLP):
            raise LabError(f"A browser runs perceptrons on a pyramid encoder only, and the {name} model is none.")
    if len({encoder_hash(model) for model in models.values()}) > 1:
        raise LabError(
            f"A page compares models that share one encoder, and {', '.join(models)} do not: train them anew."
        )
    tensors = next(iter(models.values())).state_dict()
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(("predictor.", "decoder."))}


def _about(task_name: str, model: WorldModel) -> dict[str, Any]:
    """What the file says about the task, its scene, and how Adam plans."""
    card, task = card_of(task_name), make_task(task_name)
    adam = _adam(task_name)
    shown = sample_problems(task_name, "dataset", PROBLEMS)
    return {
        "task": task_name,
        "label": label(task_name),
        "stage": stage(task_name, shown.starts[0], shown.goals[0]),
        "frameskip": task.frameskip,
        "actionDim": task.action_dim,
        "encoder": {
            "sigmas": Pyramid.sigmas,
            "grid": Pyramid.grid,
            "size": SIZE,
            "proprio": [task.state_fields.index(field) for field in task.proprio_fields],
        },
        "objective": {
            "latent": model.latent_dim,
            "proprio": card.settings.proprio,
            "decay": card.settings.decay,
        },
        "adam": {name: getattr(adam, name) for name in ADAM},
        "goals": list(card.goals),
    }


def _adam(task_name: str) -> GradientPlanner:
    """Adam as tuned for the task, with few enough steps to watch."""
    return shortened(card_of(task_name).settings.planner("adam"), WATCHED)


def _telling(task_name: str, models: Mapping[str, WorldModel]) -> int:
    """The problem shown at first: the plan of the base model fails, if possible while it imagines success, and that of
    the adversarial model succeeds, by clear margins, as the page draws other noise. The card's where there is none.
    """
    if not {"base", "adversarial"} <= set(models):
        return card_of(task_name).problem
    task, problems = make_task(task_name), sample_problems(task_name, "dataset", PROBLEMS)
    outcomes = {name: evaluate(models[name], _adam(task_name), problems) for name in ("base", "adversarial")}
    truth = {name: task.distance(outcome.states[:, -1], problems.goals) for name, outcome in outcomes.items()}
    dreamt = models["base"].decode_proprio(imagined(models["base"], outcomes["base"])[:, -1])
    missed = (truth["base"] > 2) & (truth["adversarial"] < 0.7)
    fooled = missed & (task.distance(dreamt, problems.goals) < 0.7)
    best = fooled if fooled.any() else missed
    return int(best.argmax()) if best.any() else card_of(task_name).problem


def _problems(task_name: str, goals: list[str], models: Mapping[str, WorldModel]) -> dict[str, Tensor]:
    """Starts and goals (n, S) of the test problems, and where Adam's plans (n, H, A) begin, as in open loop."""
    model = next(iter(models.values()))
    streams = first_plan_streams(0, range(PROBLEMS))
    begun = {"plans": normal(generators(streams, torch.device("cpu")), (HORIZON, model.block_dim))}
    for kind in goals:
        problems = sample_problems(task_name, kind, PROBLEMS)
        begun |= {
            f"{kind}.{part}": torch.from_numpy(np.ascontiguousarray(states))
            for part, states in (("starts", problems.starts), ("goals", problems.goals))
        }
    return begun
