"""The cells of a study's notebook, run without a kernel, on a result that its tests have already."""

from importlib import import_module
from pathlib import Path

import nbformat
import pytest

from lab.results import Result
from lab.studies.registry import FOLDER


def run_cells(name: str, result: Result, out: Path) -> None:
    """Run all cells of the notebook ``name``, in which `run` returns ``result`` (preset smoke) instead of measuring."""
    cells = [cell for cell in nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells if cell.cell_type == "code"]
    parameters = f"\npreset = 'smoke'\ntask = {result.task!r}\nout = {str(out)!r}"
    namespace: dict[str, object] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module(f"lab.studies.{name}.study"), "run", lambda *_, **__: result)
        for cell in cells:
            exec(cell.source + (parameters if "parameters" in cell.metadata.get("tags", []) else ""), namespace)
    folder = out / "smoke" / name / result.task
    assert {path.suffix for path in folder.glob(f"{name}.*")} >= {".png", ".pdf", ".html"}
