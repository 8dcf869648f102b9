"""An experiment's result and its place on disk; made of tables alone, so that it loads without torch or a simulator."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lab.errors import LabError
from lab.files import read_json, replacing, write_json


@dataclass(frozen=True)
class Result:
    """Tidy tables by name, and where they come from."""

    tables: dict[str, pd.DataFrame]
    meta: dict[str, Any]

    @property
    def task(self) -> str:
        return self.meta["config"]["task"]

    @property
    def preset(self) -> str:
        return self.meta["config"]["preset"]


def save_result(result: Result, folder: Path) -> None:
    """Write each table as CSV, then ``meta.json``; all of them or, where the disk does not allow it, none."""
    with ExitStack() as stack:
        meta = stack.enter_context(replacing(folder / "meta.json"))  # entered first, so renamed last
        for name, table in result.tables.items():
            temporary = stack.enter_context(replacing(folder / f"{name}.csv"))
            table.to_csv(temporary, index=False, float_format="%.6g")
        write_json(meta, result.meta | {"tables": list(result.tables)})


def load_result(folder: Path) -> Result:
    """Read back what `save_result` wrote; raises LabError if there is nothing."""
    meta = read_json(folder / "meta.json")
    names = meta.pop("tables", [path.stem for path in sorted(folder.glob("*.csv"))])
    try:
        return Result({name: pd.read_csv(folder / f"{name}.csv") for name in names}, meta)
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise LabError(f"The tables in {folder} cannot be read ({error}); make them again.") from error
