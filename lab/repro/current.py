"""Which committed results are of other world models than those that are shipped now."""

from collections.abc import Mapping

from lab.errors import LabError
from lab.files import model_folder
from lab.models import weights_hash
from lab.plots.palette import label
from lab.results import Result


def earlier(committed: Mapping[str, Mapping[str, Result]]) -> dict[str, list[str]]:
    """By task, the studies whose base model of training seed 0 is not the shipped one."""
    found: dict[str, list[str]] = {}
    for task, studies in committed.items():
        for name, result in studies.items():
            if result.meta.get("models", {}).get("base/seed0") != _shipped(task):
                found.setdefault(task, []).append(name)
    return found


def sentence(committed: Mapping[str, Mapping[str, Result]]) -> str:
    """The same in words; empty where all results are of the shipped models."""
    tasks = [f"{label(task)} ({', '.join(studies)})" for task, studies in earlier(committed).items()]
    if not tasks:
        return ""
    return (
        "These tables are of version 0.1's models, which were trained for a tenth of the time, and of its random "
        f"streams: {'; '.join(tasks)}. All others are of the shipped models, and where they "
        "have three training seeds, of two more of the same recipe."
    )


def _shipped(task: str) -> str | None:
    """The start of the SHA-256 of the shipped base model's weights, as `meta.json` has it; None where there is none."""
    try:
        return weights_hash(model_folder(task, "base"))[:16]
    except LabError:
        return None
