"""An experiment's result and its place on disk; made of tables alone, so that it loads without torch or a simulator."""

import gzip
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lab.errors import LabError
from lab.files import read_json, replacing, write_json

LARGE = 20_000  #: bytes of a table, above which it is kept compressed


@dataclass(frozen=True)
class Result:
    """Tidy tables by name, and their provenance."""

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
    """Read back what `save_result` wrote, or `keep_tables` copied; raises LabError if there is nothing."""
    meta = read_json(folder / "meta.json")
    names = meta.pop("tables", [path.stem for path in sorted(folder.glob("*.csv"))])
    try:
        return Result({name: pd.read_csv(table_path(folder, name)) for name in names}, meta)
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise LabError(f"The tables in {folder} cannot be read ({error}); make them again.") from error


def table_path(folder: Path, name: str) -> Path:
    """The file of the table called ``name``: ``.csv``, or ``.csv.gz`` where only that is there."""
    plain, packed = folder / f"{name}.csv", folder / f"{name}.csv.gz"
    return packed if packed.is_file() and not plain.is_file() else plain


def table_text(folder: Path, name: str) -> bytes:
    """The table as CSV."""
    path = table_path(folder, name)
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def keep_tables(folder: Path, target: Path) -> None:
    """Copy the result in ``folder`` to ``target`` without its pictures; tables above `LARGE` bytes are compressed.

    Equal tables give equal files. Raises LabError where there is no result.
    """
    tables = load_result(folder).tables
    with replacing(target) as temporary:
        temporary.mkdir()
        (temporary / "meta.json").write_bytes((folder / "meta.json").read_bytes())
        for name in tables:
            text = table_text(folder, name)
            large = len(text) > LARGE
            path = temporary / f"{name}.csv{'.gz' if large else ''}"
            path.write_bytes(gzip.compress(text, mtime=0) if large else text)
