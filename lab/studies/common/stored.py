"""The results that are on disk already. Loads without torch."""

from contextlib import suppress

from lab.errors import LabError
from lab.results import Result, load_result
from lab.studies.common.presets import preset_folder


def results_of(task: str, preset: str, out: str = "figures") -> dict[str, Result]:
    """The results of ``task`` at this preset that there are, by study."""
    found = {}
    for folder in sorted(preset_folder(preset, out).glob(f"*/{task}")):
        with suppress(LabError):
            found[folder.parent.name] = load_result(folder)
    return found
