"""``python -m lab.studies [FOLDER]``: draw the figures of all results below ``figures/`` (or FOLDER) again."""

import sys
from pathlib import Path

from tqdm.auto import tqdm

from lab.files import ROOT
from lab.plots.save import save_figures
from lab.results import load_result
from lab.studies.registry import MEASURED, figures_of


def redraw(root: Path) -> list[Path]:
    """Draw every result below ``root`` from its stored tables; returns the folders (…/<study>/<task>)."""
    folders = sorted(path.parent for path in root.rglob("meta.json") if path.parent.parent.name in MEASURED)
    for folder in tqdm(folders, desc="drawing", unit="figure", delay=2):
        name = folder.parent.name
        result, draw = load_result(folder), figures_of(name)
        save_figures(draw.print_figure(result), draw.interactive(result), folder, name)
    return folders


if __name__ == "__main__":
    print(f"{len(redraw(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / 'figures'))} figures drawn")
