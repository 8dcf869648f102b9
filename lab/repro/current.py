"""Which committed results are not of the shipped world models, of those of Table 1, or of the present planners."""

from collections.abc import Callable, Mapping

from lab.benchmarks import card_of
from lab.errors import LabError
from lab.files import model_folder
from lab.models import weights_hash
from lab.plots.palette import label
from lab.results import Result
from lab.studies.power import study as power
from lab.studies.table1_success.study import NAME as TABLE1
from lab.studies.tuning.study import NAME as TUNING


def earlier(committed: Mapping[str, Mapping[str, Result]]) -> dict[str, list[str]]:
    """By task, the studies whose base model of training seed 0 is not the shipped one."""
    return _by_task(committed, lambda task, result: _base(result, 0) != _shipped(task))


def retrained(committed: Mapping[str, Mapping[str, Result]]) -> dict[str, list[str]]:
    """By task, the studies that have the shipped base model, but another of training seed 1 than Table 1."""
    compared = {task: studies for task, studies in _without(committed, TUNING).items() if TABLE1 in studies}

    def other(task: str, result: Result) -> bool:
        return _base(result, 0) == _shipped(task) and _base(result, 1) not in (None, _base(compared[task][TABLE1], 1))

    return _by_task(compared, other)


def replanned(committed: Mapping[str, Mapping[str, Result]]) -> dict[str, list[str]]:
    """By task, the studies that planned with other settings than the task's card has now.

    Tuning and power do not count: they have settings of their own.
    """

    def other(task: str, result: Result) -> bool:
        then, tables = result.meta.get("planners", {}), result.tables.values()
        used = {name for table in tables for name in table.get("planner", ())}
        return any(then[name] != dict(card_of(task).settings.described(name)) for name in used & set(then))

    return _by_task(_without(committed, TUNING, power.NAME), other)


def sentence(committed: Mapping[str, Mapping[str, Result]]) -> str:
    """The same in words; empty where all results are of the shipped models, of Table 1's and of present settings."""
    texts = []
    if old := _listed(earlier(committed)):
        texts += [
            "These tables are of version 0.1's models, which were trained for a tenth of the time, and of its random "
            f"streams: {old}."
        ]
    if other := _listed(retrained(committed)):
        texts += [
            f"Their models of training seeds 1 and 2 are not Table 1's, but of another run of the same recipe: {other}."
        ]
    if former := _listed(replanned(committed)):
        texts += [
            f"These planned with former settings of a planner (`meta.json` beside the tables has them): {former}."
        ]
    return " ".join(texts)


def _without(committed: Mapping[str, Mapping[str, Result]], *studies: str) -> dict[str, dict[str, Result]]:
    """``committed`` without some ``studies``."""
    return {
        task: {name: result for name, result in results.items() if name not in studies}
        for task, results in committed.items()
    }


def _by_task(
    committed: Mapping[str, Mapping[str, Result]], chosen: Callable[[str, Result], bool]
) -> dict[str, list[str]]:
    """By task, the studies with a ``chosen`` result."""
    found = {
        task: [name for name, result in studies.items() if chosen(task, result)] for task, studies in committed.items()
    }
    return {task: names for task, names in found.items() if names}


def _listed(found: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{label(task)} ({', '.join(names)})" for task, names in found.items())


def _base(result: Result, seed: int) -> str | None:
    """The start of the SHA-256 of the weights of the base model of a training ``seed``, where `meta.json` names it."""
    return result.meta.get("models", {}).get(f"base/seed{seed}")


def _shipped(task: str) -> str | None:
    """The start of the SHA-256 of the shipped base model's weights, as `meta.json` has it; None where there is none."""
    try:
        return weights_hash(model_folder(task, "base"))[:16]
    except LabError:
        return None
