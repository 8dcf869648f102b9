"""Checksums: what the lab has written is verified when it is read.

A manifest is a JSON that names the files beside it with their SHA-256, under ``files``, and its own SHA-256. What
stands alone carries its own: the tensors of `lab.tensors`, and the texts of `write_text`.

A file is hashed again only once its size, times or inode have changed: until then, a process relies on the hash that it
computed. `file_hash` also relies, for a file above `LARGE` bytes, on what another process has noted in the cache's
``hashes``. After `forget_hashes`, as in ``lab verify``, everything is hashed again.
"""

import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from lab.errors import LabError
from lab.files import cache_root, read_bytes, read_json, replacing, write_json

MODEL = "wm-lab/1"  #: the format of a world model's manifest
DIGEST = "sha256"  #: the entry of a manifest with the SHA-256 of all others
SIGNABLE = ("model.json", "network.json", "meta.json")  #: manifests that version 0.1 wrote without this entry
LARGE = 4 * 2**20  #: bytes of a file, above which other processes are told its hash
SETTLED = 3 * 10**9  #: nanoseconds since the last writing, after which another one shows in a file's times

T = TypeVar("T")
Stamp = tuple[str | int, ...]  #: what of a file changes whenever it is written to


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of JSON ``content``, however it is laid out."""
    return sha256(json.dumps(content, sort_keys=True).encode())


def _own_hash(content: Any) -> str:
    """`content_hash` without the entry that holds it."""
    if not isinstance(content, dict):
        return ""
    return content_hash({name: value for name, value in content.items() if name != DIGEST})


def write_manifest(path: Path, content: Mapping[str, Any], files: Iterable[Path] = ()) -> None:
    """Write ``content`` as JSON, with the SHA-256 of ``files`` and its own."""
    named = {Path(os.path.relpath(file, path.parent)).as_posix(): file_hash(file) for file in files}
    content = {**content, "files": named} if named else dict(content)
    write_json(path, content | {DIGEST: content_hash(json.loads(json.dumps(content)))})


def read_manifest(path: Path, form: str | None = None, unsigned: bool = False) -> dict[str, Any]:
    """What `write_manifest` wrote, without its own SHA-256.

    Raises LabError where it is missing, has been changed, is not of the format ``form``, or names no SHA-256 of its
    own; with ``unsigned``, the last is a warning.
    """
    content, actual = hashed(path, lambda: read_json(path), _own_hash)
    if not isinstance(content, dict):
        raise LabError(f"{path} should be a JSON object: restore it, or delete it so that it is made anew.")
    if form and content.get("format") != form:
        raise LabError(f"{path} is not of this lab (its format should be {form}).")
    digest = content.pop(DIGEST, None)
    if digest is None and unsigned:
        warnings.warn(f"{path} names no SHA-256 of its own. {_sign(path)}", stacklevel=2)
    elif digest is None:
        raise LabError(f"{path} names no SHA-256, so that it cannot be verified. {_sign(path)}")
    elif digest != actual:
        raise LabError(f"{path} has been changed since it was written: restore it, or delete it to make it anew.")
    return content


def named_files(path: Path, content: Mapping[str, Any]) -> dict[Path, str]:
    """The files that the manifest ``path`` with this ``content`` names, with their SHA-256.

    Raises LabError if it names none.
    """
    files = content.get("files")
    if not isinstance(files, dict) or not files or not all(isinstance(digest, str) for digest in files.values()):
        raise LabError(f"{path} names no files with their SHA-256, so that they cannot be verified. {_sign(path)}")
    return {Path(os.path.normpath(path.parent / name)): digest for name, digest in files.items()}


def weight_files(folder: Path) -> dict[Path, str]:
    """The files with the weights of the model in ``folder``, each with its SHA-256.

    Raises LabError where ``model.json`` is missing, has been changed, or names none.
    """
    path = folder / "model.json"
    return named_files(path, read_manifest(path, MODEL, unsigned=True))


def _sign(path: Path) -> str:
    if path.name not in SIGNABLE:
        return "Restore it, or delete it to make it anew."
    return f"If you trust it, 'python -m lab verify --sign {path.parent}' adds it."


def verified(path: Path, digest: str) -> bytes:
    """The bytes of ``path``; raises LabError unless ``digest`` is their SHA-256."""
    data, actual = hashed(path, lambda: read_bytes(path), sha256)
    _compare(path, actual, digest)
    return data


def verify_file(path: Path, digest: str) -> None:
    """Raise LabError unless ``digest`` is the SHA-256 of the file, which may be large."""
    _compare(path, file_hash(path), digest)


def _compare(path: Path, actual: str, digest: str) -> None:
    if actual != digest:
        raise LabError(f"{path} has been changed since it was written (its SHA-256 was {digest[:16]}…).")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` after a line with its SHA-256."""
    data = text.encode()
    with replacing(path) as temporary:
        temporary.write_bytes(f"{sha256(data)}\n".encode() + data)


def read_text(path: Path) -> str:
    """What `write_text` wrote; raises LabError where it is missing or has been changed."""
    digest, _, data = read_bytes(path).partition(b"\n")
    if digest.decode("ascii", "replace") != sha256(data):
        raise LabError(f"{path} has been changed since it was written: delete it so that it is made anew.")
    return data.decode()


# --- A file is hashed once in a process, until it is written to

_hashes: dict[tuple[Callable, Stamp], str] = {}


def hashed(path: Path, read: Callable[[], T], digest: Callable[[T], str]) -> tuple[T, str]:
    """What ``read`` gives of the file ``path``, and the ``digest`` of it."""
    before = _stamp(path)
    value = read()
    if before is None or before != _stamp(path):
        return value, digest(value)
    if (digest, before) not in _hashes:
        _hashes[digest, before] = digest(value)
    return value, _hashes[digest, before]


def file_hash(path: Path) -> str:
    """SHA-256 of a file, whose bytes nobody needs now. Raises LabError where it cannot be read."""
    try:
        stamp = _stamp(path)
        if stamp is None:
            return _digest(path)
        if (sha256, stamp) not in _hashes:
            _hashes[sha256, stamp] = _shared(path, stamp) if path.stat().st_size > LARGE else _digest(path)
        return _hashes[sha256, stamp]
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror}): restore it, or make it again.") from error


def forget_hashes() -> None:
    """Let all files be hashed again: a disk may fail without a trace in what it says of them."""
    _hashes.clear()
    shutil.rmtree(cache_root() / "hashes", ignore_errors=True)


def _stamp(path: Path) -> Stamp | None:
    """The stamp of a file; None where it is missing, or was written so lately that the stamp may not tell."""
    try:
        status = path.stat()
    except OSError:
        return None
    if time.time_ns() - max(status.st_ctime_ns, status.st_mtime_ns) < SETTLED:
        return None
    return os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shared(path: Path, stamp: Stamp) -> str:
    """The hash that another process has noted in the cache; else it is computed and noted now."""
    note = cache_root() / "hashes" / f"{sha256(str(stamp[0]).encode())[:32]}.json"
    with suppress(LabError):
        content = read_manifest(note)
        if content.get("stamp") == list(stamp):
            return content["hash"]
    digest = _digest(path)
    write_manifest(note, {"stamp": stamp, "hash": digest})
    return digest
