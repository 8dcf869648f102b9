"""A file is hashed once in a process: until it is written to, however soon and with whatever times."""

import os
import random
import time
from pathlib import Path

import pytest
from mutations import damaged

from lab import checksums
from lab.checksums import file_hash, forget_hashes, hashed, sha256, verified, verify_file
from lab.errors import LabError
from lab.files import cache_root


@pytest.fixture
def settled(tmp_path, monkeypatch) -> Path:
    """A file that was written long enough ago, as far as the hashes can tell."""
    monkeypatch.setattr(checksums, "SETTLED", 0)
    path = tmp_path / "x"
    path.write_bytes(b"first")
    time.sleep(0.05)  # a file system's clock ticks every few milliseconds
    return path


def count(path: Path) -> tuple[str, int]:
    """The file's hash, and how often it was computed for it."""
    made: list[bytes] = []

    def digest(data: bytes) -> str:
        made.append(data)
        return sha256(data)

    digests = [hashed(path, path.read_bytes, digest)[1] for _ in range(3)]
    assert len(set(digests)) == 1
    return digests[0], len(made)


def test_a_file_at_rest_is_hashed_once(settled):
    assert count(settled) == (sha256(b"first"), 1)


def test_a_file_just_written_is_hashed_each_time(tmp_path):
    (tmp_path / "x").write_bytes(b"first")
    assert count(tmp_path / "x") == (sha256(b"first"), 3)


@pytest.mark.parametrize("read", [file_hash, lambda path: sha256(verified(path, sha256(path.read_bytes())))])
def test_what_is_written_to_is_hashed_again(settled, read, empty_cache):
    before, status = read(settled), settled.stat()
    settled.write_bytes(b"other")  # of the same length
    os.utime(settled, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read(settled) == sha256(b"other") != before
    with pytest.raises(LabError, match="changed"):
        verified(settled, before)


@pytest.mark.parametrize("read", [verify_file, verified])
@pytest.mark.parametrize("process", ["the same", "another"])
def test_a_large_file_that_is_damaged_in_place_is_refused_though_its_hash_was_noted(
    read, process, settled, empty_cache, monkeypatch
):
    monkeypatch.setattr(checksums, "LARGE", 0)
    data, status = bytes(range(256)), settled.stat()
    settled.write_bytes(data)
    time.sleep(0.05)
    verify_file(settled, sha256(data))  # which notes it for other processes
    read(settled, sha256(data))
    assert list((cache_root() / "hashes").iterdir())
    for seed in range(8):
        with open(settled, "r+b") as file:
            file.write(damaged(data, random.Random(seed)))
            file.truncate()
        os.utime(settled, ns=(status.st_atime_ns, status.st_mtime_ns))
        if process == "another":
            checksums._hashes.clear()
        time.sleep(0.05)
        with pytest.raises(LabError, match="has been changed since it was written"):
            read(settled, sha256(data))


def test_hashes_can_be_forgotten(settled, empty_cache):
    file_hash(settled)
    assert any(str(settled) in stamp for _, stamp in checksums._hashes)
    forget_hashes()
    assert not checksums._hashes
