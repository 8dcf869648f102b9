"""Where results go, and those that are on disk already. Loads without torch."""

from pathlib import Path

from lab.files import CHECKOUT, ROOT, of_family
from lab.results import Result, load_result

REFERENCE = "figures/reference"  #: the results that are committed, beside what users make in ``figures``


def preset_folder(preset: str, out: str, family: str = "small") -> Path:
    """Where all results of ``preset`` go: in ``out``, which counts from the checkout, or else the working folder."""
    return (ROOT if CHECKOUT else Path.cwd()) / out / of_family(preset, family)


def result_folder(name: str, task: str, preset: str, out: str, family: str = "small") -> Path:
    """Where the results of experiment (or notebook) ``name`` go; those of a notebook without a task: one level up."""
    return preset_folder(preset, out, family) / name / task


def results_of(task: str, preset: str, *outs: str, family: str = "small") -> dict[str, Result]:
    """The results of ``task`` at this preset, by study: from the first of the folders ``outs`` that has them.

    Raises LabError for one that has been changed since it was written: nothing is judged without it.
    """
    found: dict[str, Result] = {}
    for out in outs:
        for meta in sorted(preset_folder(preset, out, family).glob(f"*/{task}/meta.json")):
            study = meta.parent.parent.name
            if study not in found:
                found[study] = load_result(meta.parent)
    return found
