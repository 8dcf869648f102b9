"""The results that are on disk already. Loads without torch."""

from contextlib import suppress

from lab.errors import LabError
from lab.results import Result, load_result
from lab.studies.common.presets import preset_folder

REFERENCE = "figures/reference"  #: the results that are committed, beside what users make in ``figures``


def results_of(task: str, preset: str, *outs: str, family: str = "small") -> dict[str, Result]:
    """The results of ``task`` at this preset, by study: from the first of the folders ``outs`` that has them."""
    found: dict[str, Result] = {}
    for out in outs:
        for folder in sorted(preset_folder(preset, out, family).glob(f"*/{task}")):
            if folder.parent.name not in found:
                with suppress(LabError):
                    found[folder.parent.name] = load_result(folder)
    return found
