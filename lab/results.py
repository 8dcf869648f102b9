"""An experiment's result and its place on disk; made of tables alone, so that it loads without torch or a simulator."""

import gzip
import io
import os
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lab.checksums import hashed, named_files, read_manifest, sha256, verified, write_manifest
from lab.errors import LabError
from lab.files import replacing

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
        hashes = {}
        for name, table in result.tables.items():
            temporary = stack.enter_context(replacing(folder / f"{name}.csv"))
            table.to_csv(temporary, index=False, float_format="%.6g")
            hashes[name] = sha256(temporary.read_bytes())
        write_manifest(meta, result.meta | {"tables": hashes})


def load_result(folder: Path) -> Result:
    """Read back what `save_result` wrote, or `keep_tables` copied.

    Raises LabError if there is nothing, or if a table or the ``meta.json`` has been changed.
    """
    meta = read_manifest(folder / "meta.json")
    hashes = meta.pop("tables", None)
    if not isinstance(hashes, dict):
        raise LabError(f"{folder / 'meta.json'} does not name the SHA-256 of its tables: make them again.")
    try:
        return Result({name: _read_table(folder, name, digest) for name, digest in hashes.items()}, meta)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise LabError(f"The tables in {folder} cannot be read ({error}); make them again.") from error


def _read_table(folder: Path, name: str, digest: str) -> pd.DataFrame:
    path = table_path(folder, name)
    text, actual = hashed(path, lambda: table_text(folder, name), _text_hash)
    if actual != digest:
        raise LabError(f"{path} has been changed since it was written; make the tables again.")
    return pd.read_csv(io.BytesIO(text))


def _text_hash(text: bytes) -> str:
    """SHA-256 of a table's text, which is not that of its file where the file is compressed."""
    return sha256(text)


def table_path(folder: Path, name: str) -> Path:
    """The file of the table called ``name``: ``.csv``, or ``.csv.gz`` where only that is there."""
    plain, packed = folder / f"{name}.csv", folder / f"{name}.csv.gz"
    return packed if packed.is_file() and not plain.is_file() else plain


def table_text(folder: Path, name: str) -> bytes:
    """The table as CSV; raises LabError where it is missing or cannot be read."""
    path = table_path(folder, name)
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise LabError(f"{path} cannot be read ({error}); make the tables again.") from error


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


def save_table(table: pd.DataFrame, path: Path) -> None:
    """Write one ``table`` as CSV to ``path``, with a manifest beside it."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    write_manifest(path.with_suffix(".json"), {}, [path])


def load_table(path: Path) -> pd.DataFrame:
    """What `save_table` wrote; raises LabError where it, or its manifest, is missing or has been changed."""
    manifest = path.with_suffix(".json")
    digest = named_files(manifest, read_manifest(manifest)).get(Path(os.path.normpath(path)))
    if digest is None:
        raise LabError(f"{manifest} does not name {path.name}: make it again.")
    return pd.read_csv(io.BytesIO(verified(path, digest)))
