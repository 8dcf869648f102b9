"""Figure 4: the train-test gap, a model's error on what its planner executes minus its error on what an expert does.

Both are executed in the true simulator. Errors are mean squared distances between imagined and true picture latents;
all models of a task share the encoder, so that one unit holds for all. Problems with data-set goals have their own
expert; for random goals the experts are those of the data-set problems.
"""

import itertools
import time
from functools import partial

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from lab.data import Problems
from lab.evaluation.compare import average, compare
from lab.evaluation.gap import difference, expert_error, planned_error
from lab.files import MODELS
from lab.models import WorldModel
from lab.results import Result
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config, provenance

NAME = "fig4_gap"
PLANNERS = ("gd", "adam")
KINDS = ("planned", "expert", "gap")
CASE = ["model", "train_seed", "goals", "planner"]


def run(config: Config) -> Result:
    """Measure every model's errors on its own plans and on the experts' actions.

    Tables: ``errors`` (by imagined step), ``gaps`` (averaged over steps), ``differences`` between models of the gap,
    the planned and the expert error (paired), all with seeds averaged and a bootstrap over problems; ``problems``
    (a rollout a row, its error at each step), of which all others are made.
    """
    started = time.perf_counter()
    protocols = config.protocols()
    problems = {goals: protocol.problems() for goals, protocol in protocols.items()}
    experts = problems["dataset"]
    rows, cases = [], Cases(NAME, config.task)
    for name, seed, model in tqdm(config.models(MODELS), desc=f"{NAME} {config.task}", unit="model", delay=2):
        keys = {"model": name, "train_seed": seed}
        along_expert = _by_step(expert_error(model, experts))
        rows.append(pd.DataFrame(keys | {"goals": "dataset", "planner": "expert"} | along_expert))
        for goals, planner in itertools.product(problems, PLANNERS):
            settings = {"protocol": protocols[goals].as_dict(), "settings": repr(config.planner(planner))}
            make = partial(_planned, config, model, planner, problems[goals])
            rows.append(cases.rows(keys | {"goals": goals, "planner": planner}, settings, model, make))
    table = pd.concat(rows, ignore_index=True)
    about = {"protocols": [protocol.as_dict() for protocol in protocols.values()], "kept_cases": cases.kept}
    return Result(statistics(table), provenance(config, started) | about)


def _planned(config: Config, model: WorldModel, planner: str, problems: Problems) -> pd.DataFrame:
    """The model's errors on its own plans, a problem a row."""
    outcome = config.evaluate(model, config.planner(planner), problems)
    return pd.DataFrame(_by_step(planned_error(model, outcome)))


def _by_step(errors: np.ndarray) -> dict[str, np.ndarray]:
    return {"problem": np.arange(len(errors))} | {f"step_{i + 1}": errors[:, i] for i in range(errors.shape[1])}


def statistics(problems: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables, from the errors of each rollout."""
    steps = [column for column in problems if column.startswith("step_")]
    by_step = problems.melt([*CASE, "problem"], steps, "step", "error")
    by_step["step"] = by_step["step"].str.removeprefix("step_").astype(int)
    gaps = _per_problem(problems.assign(error=problems[steps].mean(axis=1)))
    tidy = gaps.melt([*CASE, "problem"], KINDS, "kind", "error")
    return {
        "errors": average(by_step, "error", ["model", "goals", "planner", "step"]),
        "gaps": average(tidy, "error", ["model", "goals", "planner", "kind"]),
        "differences": compare(tidy, "error", ["goals", "planner", "kind"]),
        "problems": problems,
    }


def _per_problem(errors: pd.DataFrame) -> pd.DataFrame:
    """A row per plan: its error (``planned``), the expert's on the same problem (``expert``), and their ``gap``."""
    same = ["model", "train_seed", "problem"]
    experts = errors[errors.planner == "expert"].set_index(same)["error"].rename("expert")
    plans = errors[errors.planner != "expert"].rename(columns={"error": "planned"})
    joined = plans[[*CASE, "problem", "planned"]].join(experts, on=same)
    return joined.assign(gap=difference(joined.planned, joined.expert))
