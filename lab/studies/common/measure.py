"""What every study does with its cases: evaluate each on the problems of its protocol, and keep a row per problem."""

import functools
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from lab.data import Problems
from lab.errors import LabError
from lab.evaluation.gap import planned_error
from lab.evaluation.statistics import wilson
from lab.evaluation.success import Outcome, evaluate
from lab.models import WorldModel
from lab.planning import MPC, Constant, Planner
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config
from lab.studies.common.protocol import Protocol
from lab.tasks.environment import distances

#: (name, training seed, model), as `Config.models` gives them
NamedModel = tuple[str, int, WorldModel]


@dataclass(frozen=True)
class Case:
    """A model under a planner, in open loop or under MPC, on the problems of a protocol."""

    protocol: Protocol
    model_name: str
    train_seed: int
    model: WorldModel
    planner_name: str
    planner: Planner
    mode: str = "open"
    objective: Mapping[str, Any] = field(default_factory=dict)  #: options that differ from the task's objective
    mpc: MPC | None = None  #: for a ``mode`` that `evaluate` does not know by name
    keep: bool = True  #: on disk; False where it depends on more than the model's weights

    @property
    def keys(self) -> dict[str, Any]:
        """The columns that identify the case."""
        return {
            "goals": self.protocol.goals,
            "model": self.model_name,
            "train_seed": self.train_seed,
            "planner": self.planner_name,
            "mode": self.mode,
        }


#: further columns of a case's table, from what became of its problems
Columns = Callable[[Case, Outcome], Mapping[str, Any]]


def cases(
    config: Config,
    protocols: Iterable[Protocol],
    models: Sequence[NamedModel],
    planners: Sequence[str],
    modes: Iterable[str] = ("open",),
    long: Mapping[tuple[str, str], Collection[tuple[str, int]]] | None = None,
    planner_of: Callable[[str, str, WorldModel], Planner] | None = None,
) -> Iterator[Case]:
    """Every model under every planner in every mode, for each of ``protocols``.

    Of the (planner, mode) in ``long``, only the models there are evaluated, each by its name and training seed.
    ``planner_of`` makes a planner from its name, the mode and the model (default: as tuned for the task).
    """
    make_planner = planner_of or (lambda planner, mode, model: config.planner(planner, mode))
    for protocol, (name, seed, model) in itertools.product(protocols, models):
        for planner, mode in itertools.product(planners, modes):
            affordable = (long or {}).get((planner, mode))
            if affordable is None or (name, seed) in affordable:
                yield Case(protocol, name, seed, model, planner, make_planner(planner, mode, model), mode)


def expert(protocol: Protocol, name: str, seed: int, model: WorldModel) -> Case:
    """The expert's own actions on the problems of ``protocol``; raises LabError where there are none."""
    actions = problems_of(protocol).expert
    if actions is None:
        raise LabError(f"Problems with {protocol.goals} goals have no expert: take those with data-set goals.")
    return Case(protocol, name, seed, model, "expert", Constant(model.normalise_actions(actions)))


def measure_all(
    config: Config, study: str, todo: Sequence[Case], also: Sequence[Columns] = ()
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The tables of all cases as one, and notes for the result's meta: protocols and the number of reused cases."""
    stored = Cases(study, config.task)
    bar = tqdm(todo, desc=f"{study} {config.task}", unit="case", delay=2)
    table = pd.concat([measure(config, case, stored, also) for case in bar], ignore_index=True)
    protocols = dict.fromkeys(case.protocol for case in todo)
    return table, {"protocols": [protocol.as_dict() for protocol in protocols], "kept_cases": stored.kept}


def measure(config: Config, case: Case, stored: Cases | None = None, also: Sequence[Columns] = ()) -> pd.DataFrame:
    """A row for each problem, from ``stored`` if it is there.

    Columns: `Case.keys`; ``pair``, the problem's number; ``success`` (at the end of any plan) and ``at_end``, 0 or 1,
    and the same by further criteria, such as ``success_block``; ``loss``, predicted for the first plan; ``start`` and
    ``distance``, success radii from the goal to the first and to the last state; ``seconds`` of planning; and ``also``.
    """
    objective = config.objective | dict(case.objective)

    def make() -> pd.DataFrame:
        problems = problems_of(case.protocol)
        outcome = evaluate(case.model, case.planner, problems, case.mpc or case.mode, seed=config.seed, **objective)
        columns = _columns(problems, outcome)
        for more in also:
            columns |= more(case, outcome)
        return pd.DataFrame(columns)

    if stored is None or not case.keep:
        return pd.DataFrame(case.keys | dict(make()))
    settings = {"protocol": case.protocol.as_dict(), "planner": repr(case.planner), "objective": objective}
    settings |= {"mpc": repr(case.mpc)} if case.mpc else {}
    return stored.rows(case.keys, settings, case.model, make)


def summary(measured: pd.DataFrame) -> dict[str, Any]:
    """Of one case: its goals, ``n`` problems, and its success rate (``value``) with Wilson's interval."""
    n = len(measured)
    return {"goals": measured.goals.iloc[0], "n": n} | wilson(int(measured.success.sum()), n)._asdict()


def column_of(column: str, criterion: str) -> str:
    """The name of ``column`` for a criterion of success; that of the paper's criterion is plain."""
    return column if criterion == "full" else f"{column}_{criterion}"


def errors(case: Case, outcome: Outcome) -> dict[str, np.ndarray]:
    """The model's errors along its plan, in open loop: ``error_1``, … after as many imagined steps, and their mean."""
    errors_by_step = planned_error(case.model, outcome)
    return {"error": errors_by_step.mean(1)} | {f"error_{i + 1}": column for i, column in enumerate(errors_by_step.T)}


def by_step(table: pd.DataFrame) -> np.ndarray:
    """The `errors` (B, H) in a table of `measure`."""
    return table.filter(regex=r"^error_").to_numpy(np.float32)


@functools.lru_cache(maxsize=8)
def problems_of(protocol: Protocol) -> Problems:
    """The problems of ``protocol``, sampled once."""
    return protocol.problems()


def _columns(problems: Problems, outcome: Outcome) -> dict[str, Any]:
    environment = problems.environment
    columns: dict[str, Any] = {"pair": np.arange(len(problems))}
    for criterion in outcome.success:
        columns[column_of("success", criterion)] = outcome.success[criterion].astype(int)
        columns[column_of("at_end", criterion)] = outcome.at_end[criterion].astype(int)
    columns["loss"] = outcome.plans[0].loss.numpy(force=True)
    columns["start"] = distances(environment, problems.starts, problems.goals)["full"]
    columns["distance"] = distances(environment, outcome.trajectory[:, -1], problems.goals)["full"]
    return columns | {"seconds": outcome.seconds / len(problems)}
