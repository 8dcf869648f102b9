"""``python -m lab.repro.keep PRESET [OUT]``: make the results of a preset the committed reference.

Tables and ``meta.json`` of every study in OUT replace those in ``figures/reference/PRESET/``, and the claims are judged
again. Pictures are not copied, because they can be drawn from the tables.
"""

import sys

from tqdm.auto import tqdm

from lab.errors import LabError
from lab.repro.report import write_claims
from lab.results import keep_tables
from lab.studies.common.stored import REFERENCE, preset_folder


def keep(preset: str, out: str = "figures") -> int:
    """Copy all results of ``preset`` in ``out`` to the reference; returns their number.

    Raises LabError if there are none.
    """
    source, target = preset_folder(preset, out), preset_folder(preset, REFERENCE)
    folders = sorted(path.parent for path in source.glob("*/*/meta.json"))
    if not folders:
        raise LabError(f"There are no results in {source}: make them with 'python -m lab reproduce'.")
    for folder in tqdm(folders, desc="keeping", unit="result", delay=2):
        keep_tables(folder, target / folder.relative_to(source))
    write_claims(preset, REFERENCE)
    return len(folders)


if __name__ == "__main__":
    try:
        print(f"{keep(*sys.argv[1:])} results kept")
    except LabError as error:
        sys.exit(str(error))
