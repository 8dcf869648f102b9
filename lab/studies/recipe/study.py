"""What makes the paper's picture appear: tries around each task's recipe, on the tune split, and six targets.

Studies: lambda (the radii of Adversarial World Modeling), method (Online's data with adversarial perturbations), length
of finetuning, goal loss (last step, or weighted, early steps heaviest), encoder and data. The first four start from the
task's base model; encoder and data need base models of their own, and are screened at half of the recipe's steps,
beside the recipe itself at as many. Whichever finetuned model has Adam's highest success there is chosen, and measured
on the test split with everything seeded anew: data, encoder, initialisation and finetuning. Plans are Adam's, which
the targets ask for, and on base models CEM's.
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
from lab.evaluation.protocol import Protocol
from lab.files import MODELS, cache_root
from lab.models import WorldModel, load_model
from lab.plots.words import in_cells, percent, points
from lab.results import Result
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config, pick_device, provenance
from lab.studies.common.judge import verdict
from lab.studies.common.measure import by_step, cases, errors, expert, measure, problems_of
from lab.studies.common.stored import REFERENCE, results_of
from lab.studies.common.targets import targets
from lab.studies.common.variants import trained
from lab.studies.fig2_landscape import study as fig2_landscape
from lab.training import Recipe, finetune, train
from lab.training.adversarial import Radii
from lab.training.loop import Schedule
from lab.training.pipeline import description, key

NAME = "recipe"
LAMBDAS = (0.05, 0.1, 0.2, 0.3, 0.5)
GENTLE = 0.1  #: radii of a second try of both methods at once
LENGTHS = (0.25, 2.0)  #: multiples of the recipe's finetuning steps
WEIGHTED = 0.5  #: decay of the weighted goal loss
NEAREST = 0.25  #: share of the episodes that the narrow data keep
FAMILIES = ("pyramid", "points", "random", "pixels")
STUDIES = ("lambda", "method", "loss", "length", "encoder", "data")
SMOKE = ("lambda", "method", "encoder")
OPEN = ("lambda", "method", "length")  #: studies at full length and with the task's goal loss: the choice is theirs
TEST = "test"
TUNE_PROBLEMS = {"smoke": 4, "quick": 32, "full": 64}  #: for each kind of goals
KEYS = ["study", "trial"]
MEASURED = ["model", "train_seed", "goals", "planner", "pair", "success"]  #: of each problem, and the gap


@dataclass(frozen=True)
class Trial(Recipe):
    """A recipe with base models, and perhaps data, of its own."""

    data_seed: int = 0  # type: ignore[misc]  # a field here: in the recipe of a shipped model it is a constant
    nearest: float = 1.0  #: share of the episodes that are kept: those that stray least from their start

    def data(self, task: str, progress: bool = True) -> Dataset:
        whole = super().data(task, progress)
        if self.nearest == 1:
            return whole
        places = np.asarray(whole.states[..., :2])
        strayed = np.linalg.norm(places - places[:, :1], axis=-1).max(1)
        rows = np.sort(np.argsort(strayed, kind="stable")[: max(1, round(self.nearest * len(places)))])
        states, actions = (np.asarray(part[rows]) for part in (whole.states, whole.actions))
        pixels = None if whole.pixels is None else np.asarray(whole.pixels[rows])
        return Dataset(whole.spec, states, actions, pixels, f"{whole.fingerprint}-nearest{self.nearest:g}")


@dataclass(frozen=True)
class Try:
    """What a study tries: a recipe, which finetunings are made by it, and the decay of the goal loss planned with."""

    study: str
    name: str
    recipe: Recipe
    methods: tuple[str, ...] = ("adversarial",)
    decay: float | None = None


def run(config: Config, parts: Sequence[str] = (*STUDIES, TEST)) -> Result:
    """Train and evaluate all tries of ``parts``: studies, and the test of what is chosen among them.

    Tables: ``trials`` (what was tried), ``rates`` (success), ``differences`` (paired: a finetuned model against base
    and control of the same try, and CEM against Adam on base), ``gaps``, ``landscape`` (of the test) and ``targets``.
    """
    started, measured = time.perf_counter(), _Measured(config)
    todo = [one for one in tries(config) if one.study in parts]
    for one in tqdm(todo, desc=f"{NAME} {config.task}", unit="try", delay=2):
        measured.add(one)
    if TEST in parts:
        chosen = measured.choice()
        for seed in config.size.seeds:
            measured.add(reseeded(config, chosen, seed), seed)
    return measured.result(started)


def tries(config: Config) -> Iterator[Try]:
    """All of the tune split's; preset smoke has the last of some studies.

    Raises LabError for models of another family than the small ones: what is tried is what these are made of.
    """
    if config.family != "small":
        raise LabError(f"The tries of a recipe are of the small models, not of {config.family}.")
    for study in SMOKE if config.preset == "smoke" else STUDIES:
        found = list(_study(study, config.recipe))
        yield from found[-1:] if config.preset == "smoke" else found


def _study(study: str, own: Recipe) -> Iterator[Try]:
    steps = {name: _times(getattr(own, name), 0.5) for name in ("base", "finetune")}
    half = _trial(own, **steps, encoder_steps=max(1, own.encoder_steps // 2), decoder_steps=1)
    if study == "lambda":
        for factor in sorted({*LAMBDAS, own.radii.action}):
            yield Try(study, f"λ {factor:g}", replace(own, radii=Radii(factor, factor, factor)))
    if study == "method":
        yield Try(study, f"λ {own.radii.action:g}", own, ("online", "adversarial", "combined"))
        yield Try(study, f"λ {GENTLE:g}", replace(own, radii=Radii(GENTLE, GENTLE, GENTLE)), ("combined",))
    if study == "loss":
        yield Try(study, "last step", own, ("online", "adversarial"))
        yield Try(study, f"weighted {WEIGHTED:g}", own, ("online", "adversarial"), WEIGHTED)
    if study == "length":
        for factor in LENGTHS:
            schedule = _times(own.finetune, factor)
            yield Try(study, f"{schedule.steps} steps", replace(own, finetune=schedule))
    if study == "encoder":
        for family in sorted(FAMILIES, key=lambda kind: kind != own.encoder):
            yield Try(study, family, replace(half, encoder=family))
    if study == "data":
        few = max(1, round(NEAREST * own.episodes))
        yield Try(study, f"{own.episodes} episodes", half)
        yield Try(study, f"{few} at random", replace(half, episodes=few))
        yield Try(study, f"{few} that stray least", replace(half, nearest=NEAREST))


def reseeded(config: Config, chosen: Try, seed: int) -> Try:
    """``chosen`` on the test split, with data, encoder, initialisation and finetuning of ``seed``; 0 is as shipped."""
    recipe = chosen.recipe if seed == 0 else _trial(chosen.recipe, data_seed=seed, decoder_steps=1)
    return replace(chosen, study=TEST, recipe=recipe)


def _trial(recipe: Recipe, **changes: Any) -> Trial:
    values = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    return Trial(**values | changes)


def _times(schedule: Schedule, factor: float) -> Schedule:
    return replace(schedule, steps=max(1, round(factor * schedule.steps)))


def model_of(config: Config, recipe: Recipe, method: str, seed: int = 0) -> WorldModel:
    """The model that ``method`` makes by ``recipe``; trained now if it is neither shipped nor made."""
    own = config.recipe
    if isinstance(recipe, Trial):
        return load_model(_from_scratch(config, recipe, method, seed), pick_device(config.device))
    if method in MODELS and description(recipe, method) == description(own, method):
        return config.model(method, seed)
    return load_model(trained(config, method, seed, recipe), pick_device(config.device))


def _from_scratch(config: Config, recipe: Trial, method: str, seed: int) -> Path:
    """The model's folder; encoder, base and control do not depend on the radii, and are there once."""
    root, device = cache_root() / "variants" / config.task / "scratch", pick_device(config.device)
    root /= key(recipe, "control")
    base = train(config.task, "base", seed, recipe, root, device=device)
    if method == "base":
        return base
    folder = root / config.task / method / key(recipe, "combined") / f"seed{seed}"
    return finetune(base, method, seed, recipe, folder, device=device)


class _Measured:
    """All that was measured so far: a problem a row."""

    def __init__(self, config: Config) -> None:
        self.config, self.cases = config, Cases(NAME, config.task)
        self.done: list[Try] = []
        self.pairs: list[pd.DataFrame] = []
        self.slices: list[pd.DataFrame] = []
        self.protocols: dict[Protocol, None] = {}  # as a set that keeps its order

    def add(self, one: Try, seed: int = 0) -> None:
        """Evaluate base, control and the finetuned models of ``one``."""
        split, n = (TEST, self.config.size.n) if one.study == TEST else ("tune", TUNE_PROBLEMS[self.config.preset])
        protocols = {kind: replace(p, split=split, n=n) for kind, p in self.config.protocols().items()}
        self.protocols |= dict.fromkeys(protocols.values())
        for method in ("base", "control", *one.methods):
            model = (method, seed, model_of(self.config, one.recipe, method, seed))
            along_expert = by_step(measure(self.config, expert(protocols["dataset"], *model), self.cases, [errors]))
            planners = ("adam", *["cem"] * (method == "base"))
            for case in cases(self.config, protocols.values(), [model], planners):
                case = case if one.decay is None else replace(case, objective={"decay": one.decay})
                rows = measure(self.config, case, self.cases, [errors])
                gap = Gap(by_step(rows), along_expert).by_problem
                self.pairs.append(rows[MEASURED].assign(gap=gap, study=one.study, trial=one.name))
            if one.study == TEST:
                self.slices.append(self._landscape(*model, protocols["dataset"]))
        self.done.append(one)

    def _landscape(self, method: str, seed: int, model: WorldModel, protocol: Protocol) -> pd.DataFrame:
        size = self.config.size

        def make() -> pd.DataFrame:
            cut = fig2_landscape.slice_of(self.config, model, problems_of(protocol)[: size.slices])
            columns = {"problem": range(len(cut.loss)), "roughness": cut.roughness(), "basin": cut.basin()}
            return pd.DataFrame(columns).melt(["problem"], var_name="measure")

        settings = {"slices": size.slices, "points": size.points}
        return self.cases.rows({"model": method, "train_seed": seed}, settings, model, make)

    def choice(self) -> Try:
        """The try, cut to the finetuned model, with Adam's highest success on the tune split; the first, if several."""
        if not any(one.study in OPEN for one in self.done):
            raise LabError(f"Nothing to choose from: measure one of the studies {', '.join(OPEN)} first.")
        pairs = pd.concat(self.pairs)
        open_ = pairs[pairs.study.isin(OPEN) & (pairs.planner == "adam") & ~pairs.model.isin(("base", "control"))]
        best = open_.groupby([*KEYS, "model"], sort=False)["success"].mean().idxmax()
        one = next(one for one in self.done if (one.study, one.name) == best[:2])
        return replace(one, methods=(best[2],), name=f"{best[2]}, {best[1]}")

    def result(self, started: float) -> Result:
        pairs = pd.concat(self.pairs, ignore_index=True)
        found = tables(pairs, pd.concat(self.slices, ignore_index=True) if self.slices else None)
        found["trials"] = pd.DataFrame(
            {(one.study, one.name): _about(one) for one in self.done}.values()
        ).convert_dtypes()
        protocols = [protocol.as_dict() for protocol in self.protocols]
        about = {"protocols": protocols, "kept_cases": self.cases.kept}
        result = Result(found, provenance(self.config, started) | about)
        found["targets"] = targets(
            results_of(self.config.task, self.config.preset, self.config.out, REFERENCE) | {NAME: result}
        )
        return result


def tables(pairs: pd.DataFrame, slices: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    """Rates, paired differences within each try, gaps and, of ``slices``, the landscape's differences."""
    overall = pairs.assign(goals="all", pair=pairs.goals + " " + pairs.pair.astype(str))
    found = sorted(set(pairs.model) - {"base", "control"})
    comparisons = [("control", "base"), *((ours, theirs) for ours in found for theirs in ("base", "control"))]
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


def _about(one: Try) -> dict[str, Any]:
    recipe = one.recipe
    return {
        "study": one.study,
        "trial": one.name,
        "methods": " ".join(one.methods),
        "encoder": recipe.encoder,
        "episodes": recipe.episodes,
        "kept": getattr(recipe, "nearest", 1.0),
        "base_steps": recipe.base.steps,
        "finetune_steps": recipe.finetune.steps,
        "radius": recipe.radii.action,
        "goal_loss": one.decay or 0.0,
    }


def as_table(result: Result, study: str) -> pd.DataFrame:
    """Success of Adam, and on base of CEM, in % with 95% intervals: a try and kind of goals a row, a model a column."""
    rates = result.tables["rates"]
    rates = rates[rates.study == study]
    names = [f"{row.model} (CEM)" if row.planner == "cem" else row.model for row in rates.itertuples()]
    cells = [percent(row) for row in rates.itertuples()]
    return in_cells(rates.assign(column=names), cells, ["trial", "goals"], "column").rename_axis(columns=None)


def told(result: Result, study: str) -> str:
    """What each try of ``study`` does to Adam's success over all goals, against the control of the same try."""
    rows = result.tables["differences"]
    rows = rows[(rows.study == study) & (rows.goals == "all") & (rows.planner == "adam")]
    lines = []
    for row in rows[(rows.theirs == "control") & (rows.ours != "control")].itertuples():
        lines.append(f"{row.trial}, {row.ours} against control: {points(row)}, {verdict(row.low, row.high)}")
    return "\n".join(lines)
