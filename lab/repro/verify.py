"""Verification of everything that is shipped, kept as a reference, or cached: the readers themselves read it all."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from lab import files
from lab.checksums import DIGEST, MODEL, SIGNABLE, forget_hashes, read_manifest, read_text, sha256, write_manifest
from lab.data.arrays import load_arrays
from lab.errors import LabError
from lab.files import CHECKOUT, ROOT, cache_root, making_again, read_json, replacing, restoring
from lab.models import load_model
from lab.models.initialisation import FORMAT as NETWORK
from lab.models.initialisation import load_initialisation
from lab.repro.custom_run import SETTINGS
from lab.results import load_result, load_table, table_text
from lab.studies.common.stored import REFERENCE
from lab.tasks import TASKS, make_task
from lab.tensors import load_tensors
from lab.training.log import FILE as LOG
from lab.training.log import read_log

Reader = Callable[[], object]


def places() -> list[Path]:
    """The folders with all that the lab comes with or has made: models, reference results, the cache."""
    return [files.SHIPPED, *([ROOT / REFERENCE] if CHECKOUT else []), cache_root()]


def verify(folders: Iterable[Path], sign: bool = False) -> tuple[int, list[str]]:
    """Read everything below ``folders``; returns how much there is, and a sentence about each thing that is wrong.

    With ``sign``, manifests that name no SHA-256, as those of version 0.1, get it first.
    """
    paths = [path for folder in folders for path in _files(folder)]
    if sign:
        for path in paths:
            _sign(path)
    forget_hashes()
    count, wrong = 0, []
    for path in tqdm(paths, desc="verifying", unit="file", delay=2):
        try:
            if reader := _reader(path):
                count += 1
                reader()
        except LabError as error:
            wrong.append(_with_advice(error, path))
    return count, wrong


def _files(folder: Path) -> Iterator[Path]:
    """All files below ``folder``, but temporary ones and locks; raises LabError if it is none."""
    if not folder.is_dir():
        if folder == cache_root():
            return
        raise LabError(f"{folder} is no folder: name one with models, data or results.")
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and inside[0] != "locks" and not any(part.startswith(".") for part in inside):
            yield path


def _reader(path: Path) -> Reader | None:
    """What reads ``path``, and raises LabError if it is not as it was written; None if another file's reader does."""
    if path.name == "model.json":
        return lambda: _read_model(path.parent)
    if path.name == "network.json":
        return lambda: load_initialisation(path.parent)
    if path.suffix == ".json" and path.name != SETTINGS:  # the name of its folder says the settings of a run again
        return _manifest_reader(path)
    if path.name == LOG:
        return lambda: read_log(path.parent)
    if path.suffix == ".csv" and path.parent.name == "cases":
        return lambda: read_text(path)
    if path.suffix == ".safetensors" and (path.stem == "state" or "rounds" in path.parts or "problems" in path.parts):
        return lambda: load_tensors(path)
    return None


def _manifest_reader(path: Path) -> Reader:
    """For the JSON of results and arrays, and all others, which are manifests as well."""
    content = read_json(path)
    if not isinstance(content, dict):
        return lambda: read_manifest(path)
    if "tables" in content or "config" in content:
        return lambda: load_result(path.parent)
    if "arrays" in content or "fingerprint" in content:
        return lambda: load_arrays(path, {})
    if "files" in content and (table := path.with_suffix(".csv")).is_file():
        return lambda: load_table(table)
    return lambda: read_manifest(path)


def _read_model(folder: Path) -> None:
    """Raise LabError unless the model is whole, names its own SHA-256, and fits its task."""
    read_manifest(folder / "model.json", MODEL)
    spec = load_model(folder).spec
    if spec.task in TASKS:
        task = make_task(spec.task)
        for name in ("proprio_dim", "action_dim", "frameskip"):
            ours, theirs = getattr(spec, name), getattr(task, name)
            if ours != theirs:
                raise LabError(f"The model in {folder} has {name} {ours}, but its task {spec.task} has {theirs}.")


def _with_advice(error: LabError, path: Path) -> str:
    """The ``error``, with what to do about ``path``."""
    advice = restoring(path.parent) if path.is_relative_to(ROOT / REFERENCE) else making_again(path)
    return str(error) if advice in str(error) else f"{error} {advice}"


def _sign(path: Path) -> None:
    """Let the manifest ``path`` name the SHA-256 of what is beside it, and its own, if it does not yet."""
    if path.name not in SIGNABLE:
        return
    content = read_json(path)
    if not isinstance(content, dict) or DIGEST in content:
        return
    before = path.read_bytes()
    try:
        write_manifest(path, *_signed(path, content))
        reader = _reader(path)
        assert reader is not None
        reader()
    except BaseException:
        with replacing(path) as temporary:
            temporary.write_bytes(before)
        raise


def _signed(path: Path, content: dict[str, Any]) -> tuple[dict[str, Any], list[Path]]:
    """The content of a manifest with the SHA-256 of tables, and the files whose SHA-256 it does not have."""
    if "files" in content:
        return content, []
    if content.get("format") in (MODEL, NETWORK):
        return content, [path.parent / f"{path.stem}.safetensors"]
    names = content.get("tables") or sorted({table.name.partition(".")[0] for table in path.parent.glob("*.csv*")})
    return content | {"tables": {name: sha256(table_text(path.parent, name)) for name in names}}, []
