"""What makes the paper's picture appear: variants of each task's recipe on the tune split, and six targets.

The studies are:

* lambda: the radii of Adversarial World Modeling;
* method: both methods, and Online's data with adversarial perturbations;
* length: the number of finetuning steps;
* loss: the goal loss of the last step, or of all steps, the early ones weighted most;
* encoder and data: other encoders, and smaller data sets;
* former: all training as short as in version 0.1.

The first four start from the task's base model. The others need base models of their own. The variants of encoder and
data, and the recipe that they are compared with, are trained for half of the recipe's steps. The finetuned model with
Adam's highest success on the tune split is chosen. It is then measured on the test split, with all training seeds. Adam
plans on all models, as the targets require, and CEM on the base models only.

In the stored tables, the column ``trial`` holds a variant's name, and the table ``trials`` lists the variants.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from lab.data import Dataset
from lab.errors import LabError
from lab.evaluation.compare import average, compare, success_rates
from lab.evaluation.gap import Gap
from lab.files import MODELS, cache_root
from lab.models import WorldModel, load_model
from lab.plots.words import in_cells, percent, points
from lab.results import Result
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config, pick_device, provenance
from lab.studies.common.judge import verdict
from lab.studies.common.measure import by_step, cases, errors, expert, measure, problems_of
from lab.studies.common.protocol import Protocol
from lab.studies.common.stored import REFERENCE, results_of
from lab.studies.common.targets import targets
from lab.studies.common.variants import Variant, trained
from lab.studies.fig2_landscape import study as fig2_landscape
from lab.training import Recipe, finetune, train
from lab.training.adversarial import Radii
from lab.training.loop import Schedule
from lab.training.pipeline import description, key

NAME = "recipe"
LAMBDAS = (0.05, 0.1, 0.2, 0.3, 0.5)
GENTLE = 0.1  #: radii of a second variant of both methods at once
LENGTHS = (0.25, 2.0)  #: multiples of the recipe's finetuning steps
WEIGHTED = 0.5  #: decay of the weighted goal loss
NEAREST = 0.25  #: share of the episodes that the narrow data set keeps
FAMILIES = ("pyramid", "points", "random", "pixels")
FORMER = {"base": Schedule(6000, lr=1e-3), "finetune": Schedule(2000, lr=7e-4)}  #: version 0.1's training
STUDIES = ("lambda", "method", "loss", "length", "encoder", "data", "former")
SMOKE = ("lambda", "method", "encoder")
OPEN = ("lambda", "method", "length")  #: the choice is made among these studies: full length, and the task's goal loss
TEST = "test"
KEYS = ["study", "trial"]
MEASURED = ["model", "train_seed", "goals", "planner", "pair", "success"]  #: of each problem, and the gap


@dataclass(frozen=True)
class ScratchRecipe(Recipe):
    """A recipe that trains a base model from scratch, possibly on a part of the data."""

    nearest: float = 1.0  #: share of the episodes that are kept: those that move least far from their start

    def data(self, task: str, seed: int = 0, progress: bool = True) -> Dataset:
        data = super().data(task, seed, progress)
        if self.nearest == 1:
            return data
        places = np.asarray(data.states[..., :2])
        farthest = np.linalg.norm(places - places[:, :1], axis=-1).max(1)
        rows = np.sort(np.argsort(farthest, kind="stable")[: max(1, round(self.nearest * len(places)))])
        states, actions = (np.asarray(part[rows]) for part in (data.states, data.actions))
        pixels = None if data.pixels is None else np.asarray(data.pixels[rows])
        return Dataset(data.spec, states, actions, pixels, f"{data.fingerprint}-nearest{self.nearest:g}")


@dataclass(frozen=True)
class RecipeVariant(Variant):
    """A variant of the recipe, and the methods that finetune by it."""

    methods: tuple[str, ...] = ("adversarial",)
    decay: float | None = None  #: of the goal loss that is planned with; None: the task's


def run(config: Config, parts: Sequence[str] = (*STUDIES, TEST)) -> Result:
    """Train and evaluate all variants of ``parts``: studies, and the test of the variant chosen among them.

    Tables: ``trials`` (the variants), ``rates`` (success), ``differences`` (paired: a finetuned model against base and
    control of the same variant, and CEM against Adam on base), ``gaps``, ``landscape`` (of the test) and ``targets``.
    """
    started, measured = time.perf_counter(), _Measured(config)
    todo = [variant for variant in variants(config) if variant.study in parts]
    for variant in tqdm(todo, desc=f"{NAME} {config.task}", unit="variant", delay=2):
        measured.add(variant)
    if TEST in parts:
        chosen = measured.choice()
        for seed in config.size.seeds:
            measured.add(replace(chosen, study=TEST), seed)
    return measured.result(started)


def variants(config: Config) -> Iterator[RecipeVariant]:
    """All variants that are measured on the tune split; preset smoke has the last of some studies.

    Raises LabError for a family other than the small models: the variants change the options of these.
    """
    if config.family != "small":
        raise LabError(f"The variants of a recipe are of the small models, not of {config.family}.")
    for study in SMOKE if config.size.toy else STUDIES:
        of_study = list(variants_of(study, config.recipe))
        yield from of_study[-1:] if config.size.toy else of_study


def variants_of(study: str, recipe: Recipe) -> Iterator[RecipeVariant]:
    """The variants of ``recipe`` that ``study`` compares."""
    half = halved(recipe)
    if study == "lambda":
        for factor in sorted({*LAMBDAS, recipe.radii.action}):
            yield RecipeVariant(study, f"λ {factor:g}", replace(recipe, radii=Radii(factor, factor, factor)))
    if study == "method":
        yield RecipeVariant(study, f"λ {recipe.radii.action:g}", recipe, ("online", "adversarial", "combined"))
        if recipe.radii.action != GENTLE:
            yield RecipeVariant(
                study, f"λ {GENTLE:g}", replace(recipe, radii=Radii(GENTLE, GENTLE, GENTLE)), ("combined",)
            )
    if study == "loss":
        yield RecipeVariant(study, "last step", recipe, ("online", "adversarial"))
        yield RecipeVariant(study, f"weighted {WEIGHTED:g}", recipe, ("online", "adversarial"), WEIGHTED)
    if study == "length":
        for factor in LENGTHS:
            schedule = _times(recipe.finetune, factor)
            yield RecipeVariant(study, f"{schedule.steps} steps", replace(recipe, finetune=schedule))
    if study == "encoder":
        for family in sorted(FAMILIES, key=lambda kind: kind != recipe.encoder):
            yield RecipeVariant(study, family, replace(half, encoder=family))
    if study == "data":
        episodes = max(1, round(NEAREST * recipe.episodes))
        yield RecipeVariant(study, f"{recipe.episodes} episodes", half)
        yield RecipeVariant(study, f"{episodes} at random", replace(half, episodes=episodes))
        yield RecipeVariant(study, f"{episodes} that stray least", replace(half, nearest=NEAREST))
    if study == "former":
        steps = f"{FORMER['base'].steps} and {FORMER['finetune'].steps} steps"
        former = from_scratch(recipe, **FORMER, decoder_steps=1)
        yield RecipeVariant(study, steps, former, ("online", "adversarial"))


def halved(recipe: Recipe) -> ScratchRecipe:
    """``recipe`` for base models that are trained from scratch, with half of its steps, and hardly any decoder."""
    steps = {name: _times(getattr(recipe, name), 0.5) for name in ("base", "finetune")}
    return from_scratch(recipe, **steps, encoder_steps=max(1, recipe.encoder_steps // 2), decoder_steps=1)


def from_scratch(recipe: Recipe, **changes: Any) -> ScratchRecipe:
    """``recipe`` with ``changes``, for base models that are trained from scratch."""
    values = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    return ScratchRecipe(**values | changes)


def _times(schedule: Schedule, factor: float) -> Schedule:
    return replace(schedule, steps=max(1, round(factor * schedule.steps)))


def model_of(config: Config, recipe: Recipe, method: str, seed: int = 0) -> WorldModel:
    """The model of ``method`` by ``recipe``; it is trained now if it is neither shipped nor in the cache."""
    if isinstance(recipe, ScratchRecipe):
        return load_model(_trained_from_scratch(config, recipe, method, seed), pick_device(config.device))
    if method in MODELS and description(recipe, method) == description(config.recipe, method):
        return config.model(method, seed)
    return load_model(trained(config, method, seed, recipe), pick_device(config.device))


def _trained_from_scratch(config: Config, recipe: ScratchRecipe, method: str, seed: int) -> Path:
    """The model's folder. Variants that differ in their radii share encoder, base and control."""
    root, device = cache_root() / "variants" / config.task / "scratch", pick_device(config.device)
    root /= key(recipe, "control")
    base = train(config.task, "base", seed, recipe, root, device=device)
    if method == "base":
        return base
    folder = root / config.task / method / key(recipe, "combined") / f"seed{seed}"
    return finetune(base, method, seed, recipe, folder, device=device)


class _Measured:
    """All measurements so far, a row for each problem."""

    def __init__(self, config: Config) -> None:
        self.config, self.cases = config, Cases(NAME, config.task)
        self.variants: list[RecipeVariant] = []
        self.pairs: list[pd.DataFrame] = []
        self.slices: list[pd.DataFrame] = []
        self.protocols: dict[Protocol, None] = {}  # as a set that keeps its order

    def add(self, variant: RecipeVariant, seed: int = 0) -> None:
        """Evaluate base, control and the finetuned models of ``variant``."""
        split, n = (TEST, self.config.size.n) if variant.study == TEST else ("tune", self.config.size.tune)
        protocols = {kind: replace(p, split=split, n=n) for kind, p in self.config.protocols().items()}
        self.protocols |= dict.fromkeys(protocols.values())
        for method in ("base", "control", *variant.methods):
            model = (method, seed, model_of(self.config, variant.recipe, method, seed))
            along_expert = by_step(measure(self.config, expert(protocols["dataset"], *model), self.cases, [errors]))
            planners = ("adam", *["cem"] * (method == "base"))
            for case in cases(self.config, protocols.values(), [model], planners):
                case = case if variant.decay is None else replace(case, objective={"decay": variant.decay})
                rows = measure(self.config, case, self.cases, [errors])
                gap = Gap(by_step(rows), along_expert).by_problem
                self.pairs.append(rows[MEASURED].assign(gap=gap, study=variant.study, trial=variant.name))
            if variant.study == TEST:
                self.slices.append(self._landscape(*model, protocols["dataset"]))
        self.variants.append(variant)

    def _landscape(self, method: str, seed: int, model: WorldModel, protocol: Protocol) -> pd.DataFrame:
        size = self.config.size

        def make() -> pd.DataFrame:
            landscape = fig2_landscape.slice_of(self.config, model, problems_of(protocol)[: size.slices])
            columns = {"problem": range(len(landscape.loss))} | landscape.measures()
            return pd.DataFrame(columns).melt(["problem"], var_name="measure")

        settings = {"protocol": protocol.as_dict(), "seed": self.config.seed}
        settings |= {"slices": size.slices, "points": size.points}
        return self.cases.rows({"model": method, "train_seed": seed}, settings, model, make)

    def choice(self) -> RecipeVariant:
        """The variant and its one method with Adam's highest success on the tune split; of equal ones the first.

        Raises LabError unless one of the studies in `OPEN` was measured.
        """
        if not any(variant.study in OPEN for variant in self.variants):
            raise LabError(f"Nothing to choose from: measure one of the studies {', '.join(OPEN)} first.")
        pairs = pd.concat(self.pairs)
        open_ = pairs[pairs.study.isin(OPEN) & (pairs.planner == "adam") & ~pairs.model.isin(("base", "control"))]
        best = open_.groupby([*KEYS, "model"], sort=False)["success"].mean().idxmax()
        variant = next(variant for variant in self.variants if (variant.study, variant.name) == best[:2])
        return replace(variant, methods=(best[2],), name=f"{best[2]}, {best[1]}")

    def result(self, started: float) -> Result:
        pairs = pd.concat(self.pairs, ignore_index=True)
        result_tables = tables(pairs, pd.concat(self.slices, ignore_index=True) if self.slices else None)
        result_tables["trials"] = pd.DataFrame(
            {(variant.study, variant.name): _described(variant) for variant in self.variants}.values()
        ).convert_dtypes()
        protocols = [protocol.as_dict() for protocol in self.protocols]
        meta = {"protocols": protocols, "kept_cases": self.cases.kept}
        result = Result(result_tables, provenance(self.config, started) | meta)
        result_tables["targets"] = targets(
            results_of(self.config.task, self.config.preset, self.config.out, REFERENCE) | {NAME: result}
        )
        return result


def tables(pairs: pd.DataFrame, slices: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    """From the rows of each problem: rates, paired differences within each variant, and gaps.

    If there are ``slices``, also the paired differences of the loss landscape's measures.
    """
    overall = pairs.assign(goals="all", pair=pairs.goals + " " + pairs.pair.astype(str))
    finetuned = sorted(set(pairs.model) - {"base", "control"})
    comparisons = [("control", "base"), *((ours, theirs) for ours in finetuned for theirs in ("base", "control"))]
    searched = pairs[(pairs.model == "base") & pairs.planner.isin(("cem", "adam"))]
    searched = searched.assign(model=searched.planner, planner="cem - adam")
    by = [*KEYS, "goals", "planner"]
    parts = [compare(rows, "success", by, "pair", comparisons) for rows in (pairs, overall)]
    parts.append(compare(searched, "success", by, "pair", [("cem", "adam")]))
    result = {
        "rates": success_rates(pairs, [*KEYS, "model", "goals", "planner"]),
        "differences": pd.concat(parts, ignore_index=True),
        "gaps": average(pairs, "gap", [*KEYS, "model", "goals", "planner"], "pair"),
    }
    if slices is not None:
        result["landscape"] = compare(slices, "value", ["measure"], comparisons=comparisons)
    return result


def _described(variant: RecipeVariant) -> dict[str, Any]:
    recipe = variant.recipe
    return {
        "study": variant.study,
        "trial": variant.name,
        "methods": " ".join(variant.methods),
        "encoder": recipe.encoder,
        "episodes": recipe.episodes,
        "kept": getattr(recipe, "nearest", 1.0),
        "base_steps": recipe.base.steps,
        "finetune_steps": recipe.finetune.steps,
        "radius": recipe.radii.action,
        "goal_loss": variant.decay or 0.0,
    }


def as_table(result: Result, study: str) -> pd.DataFrame:
    """Success in % with 95% intervals: a row for each variant and kind of goals, a column for each model.

    CEM plans on the base model only.
    """
    rates = result.tables["rates"]
    rates = rates[rates.study == study]
    names = [f"{row.model} (CEM)" if row.planner == "cem" else row.model for row in rates.itertuples()]
    cells = [percent(row) for row in rates.itertuples()]
    return in_cells(rates.assign(column=names), cells, ["trial", "goals"], "column").rename_axis(columns=None)


def sentences(result: Result, study: str) -> str:
    """How each variant of ``study`` changes Adam's success over all goals, compared with the variant's own control."""
    rows = result.tables["differences"]
    rows = rows[(rows.study == study) & (rows.goals == "all") & (rows.planner == "adam")]
    lines = []
    for row in rows[(rows.theirs == "control") & (rows.ours != "control")].itertuples():
        lines.append(f"{row.trial}, {row.ours} against control: {points(row)}, {verdict(row.low, row.high)}")
    return "\n".join(lines)
