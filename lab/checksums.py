"""Checksums: what the lab has written is verified whenever it is read.

A manifest is a JSON that names the files beside it with their SHA-256, under ``files``, and its own SHA-256. What
stands alone carries its own: the tensors of `lab.tensors`, and the texts of `write_text`.
"""

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.files import cache_root, read_bytes, read_json, replacing, write_json

MODEL = "wm-lab/1"  #: the format of a world model's manifest
DIGEST = "sha256"  #: the entry of a manifest with the SHA-256 of all others
LARGE = 4 * 2**20  #: bytes of a file, above which it is hashed only once


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of JSON ``content``, however it is laid out."""
    return sha256(json.dumps(content, sort_keys=True).encode())


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
    content = read_json(path)
    if not isinstance(content, dict):
        raise LabError(f"{path} should be a JSON object: restore it, or delete it so that it is made anew.")
    if form and content.get("format") != form:
        raise LabError(f"{path} is not of this lab (its format should be {form}).")
    digest = content.pop(DIGEST, None)
    if digest is None and unsigned:
        warnings.warn(f"{path} names no SHA-256 of its own. {_sign(path)}", stacklevel=2)
    elif digest is None:
        raise LabError(f"{path} names no SHA-256, so that it cannot be verified. {_sign(path)}")
    elif digest != content_hash(content):
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
    return f"If you trust it, 'python -m lab verify --sign {path.parent}' adds it."


def verified(path: Path, digest: str) -> bytes:
    """The bytes of ``path``; raises LabError unless ``digest`` is their SHA-256."""
    data = read_bytes(path)
    _compare(path, sha256(data), digest)
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


def forget_hashes() -> None:
    """Let `file_hash` read large files again: a disk may fail without a trace in what it says of them."""
    shutil.rmtree(cache_root() / "hashes", ignore_errors=True)


def file_hash(path: Path) -> str:
    """SHA-256 of a file. A large one is hashed again only after it has been written to.

    Raises LabError where it cannot be read.
    """
    try:
        status = path.stat()
        if status.st_size < LARGE:
            return sha256(path.read_bytes())
        stamp = [str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        note = cache_root() / "hashes" / f"{sha256(str(stamp[0]).encode())[:32]}.json"
        return _noted(note, stamp) or _note(note, stamp, path)
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror}): restore it, or make it again.") from error


def _noted(note: Path, stamp: list) -> str | None:
    """The hash of a file that has the same ``stamp`` as when it was hashed."""
    try:
        content = read_manifest(note)
    except LabError:
        return None
    return content["hash"] if content.get("stamp") == stamp else None


def _note(note: Path, stamp: list, path: Path) -> str:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    write_manifest(note, {"stamp": stamp, "hash": digest})
    return digest
