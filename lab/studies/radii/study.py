"""Appendix: how far, and how, Adversarial World Modeling perturbs.

The task's recipe takes one step of ascent (FGSM) within radii fixed on the first minibatch, with one multiple lambda
for all inputs; the target is the clean next latent. Four studies vary it: lambda, which inputs are perturbed, radii
measured on every minibatch, and more steps of the inner maximum (PGD).
"""

import copy
import time
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor

from lab.models import WorldModel
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.variants import Variant, measure
from lab.training import Recipe
from lab.training.adversarial import Adversarial, Radii
from lab.training.latents import encode_dataset
from lab.training.loop import Method, Schedule, fit
from lab.training.teacher_forcing import TeacherForcing, prediction_loss

NAME = "radii"
TIMES = {"cost": ["milliseconds", "ratio"]}
LAMBDAS = (0.05, 0.1, 0.2, 0.3, 0.5)
STEPS = (2, 5, 10)
ROUNDS = 5  #: of timing; the least time counts, because other work of the machine can only add to it
BATCH = 512  #: transitions that `strength` measures


def run(config: Config) -> Result:
    """Train and evaluate all variants.

    Tables: those of `lab.studies.common.variants.measure`, and ``cost``, the time of a training step.
    """
    started = time.perf_counter()
    recipe = config.recipe
    tables, meta = measure(config, NAME, "adversarial", list(studies(recipe)))
    tables["cost"] = cost(config, recipe)
    return Result(tables, provenance(config, started, TIMES) | meta | {"recipe": repr(recipe.radii)})


def studies(recipe: Recipe) -> Iterator[Variant]:
    """The variants of the ``recipe``. The recipe itself is one of the study ``lambda``."""
    radii = recipe.radii
    for factor in sorted({*LAMBDAS, radii.action}):
        yield _variant(recipe, "lambda", f"λ {factor:g}", Radii(factor, factor, factor))
    yield _variant(recipe, "inputs", "states only", replace(radii, action=0.0))
    yield _variant(recipe, "inputs", "actions only", replace(radii, latent=0.0, proprio=0.0))
    yield _variant(recipe, "radii", "adaptive", replace(radii, adaptive=True))
    for steps in STEPS:
        yield _variant(recipe, "steps", f"PGD {steps}", replace(radii, steps=steps))


def cost(config: Config, recipe: Recipe) -> pd.DataFrame:
    """Milliseconds of one training step by each method, and their ``ratio`` to the control's.

    The methods take turns, so that a busy machine slows all of them alike.
    """
    model = config.model("base", config.size.seeds[0])
    data = recipe.data(config.task, config.size.seeds[0])
    latents = encode_dataset(model, data)
    methods: dict[str, Method] = {"control": TeacherForcing(latents)}
    for name, steps in (("FGSM", 1), *((f"PGD {steps}", steps) for steps in STEPS)):
        methods[name] = Adversarial(latents, replace(recipe.radii, steps=steps))
    schedule = replace(recipe.finetune, steps=config.size.timed_steps, checkpoint_every=recipe.finetune.steps)
    times: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(ROUNDS):
        for name, method in methods.items():
            times[name].append(_seconds(model, method, schedule) / schedule.steps)
    least = pd.Series({name: 1000 * min(seconds) for name, seconds in times.items()})
    return pd.DataFrame({"model": least.index, "milliseconds": least.values, "ratio": least.values / least["control"]})


def strength(config: Config, factor: float, steps: int) -> pd.Series:
    """One-step error of the base model on clean inputs, and on random and worst perturbations with lambda = ``factor``.

    The worst perturbations are those that ``steps`` steps of the inner maximum find.
    """
    recipe, model = config.recipe, config.model("base", config.size.seeds[0])
    latents = encode_dataset(model, recipe.data(config.task, config.size.seeds[0]))
    method = Adversarial(latents, Radii(factor, factor, factor, steps=steps))
    rng = torch.Generator().manual_seed(config.seed)
    z, action, z_next = latents.batch(BATCH, rng)
    method.epsilon = method.radii.bounds(model, z, action)
    noise = method.epsilon * (2 * torch.rand(*z.shape[:-1], len(method.epsilon), generator=rng).to(model.device) - 1)
    somewhere = (torch.cat([z, action], -1) + noise).split([z.shape[-1], action.shape[-1]], -1)
    inputs: dict[str, tuple[Tensor, Tensor]]
    inputs = {"clean": (z, action), "random": somewhere, "worst": method.worst_case(model, z, action, z_next, rng)}
    errors = {name: prediction_loss(model, *pair, z_next)["latent"].item() for name, pair in inputs.items()}
    return pd.Series(errors, name="latent error")


def _variant(recipe: Recipe, study: str, name: str, radii: Radii) -> Variant:
    return Variant(study, name, replace(recipe, radii=radii))


def _seconds(model: WorldModel, method: Method, schedule: Schedule) -> float:
    """Seconds that the training loop takes on a copy of ``model``."""
    trainee = copy.deepcopy(model)
    trainee.predictor.requires_grad_(True)
    started = time.perf_counter()
    fit(trainee, method, schedule, progress=False)
    return time.perf_counter() - started
