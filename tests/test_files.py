"""Writing whole files or none."""

import errno
import os
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import save_file

from lab.data import DataSpec, load_or_collect
from lab.errors import LabError
from lab.files import cache_root, read_json, replacing, write_json


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_json_survives_the_round_trip(tmp_path):
    write_json(tmp_path / "a" / "b.json", {"x": [1, 2.5, "ü"]})
    assert read_json(tmp_path / "a" / "b.json") == {"x": [1, 2.5, "ü"]}
    assert names(tmp_path) == ["a", "b.json"]


@contextmanager
def files_limited_to(size):
    """Let the operating system refuse every write beyond ``size`` bytes of a file, as a full disk would."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_old_file_stays_if_writing_fails(error, tmp_path):
    write_json(tmp_path / "x.json", 1)
    with pytest.raises(error), replacing(tmp_path / "x.json") as temporary:
        temporary.write_text("half", "utf-8")
        raise error
    assert read_json(tmp_path / "x.json") == 1 and names(tmp_path) == ["x.json"]


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_writes_is_not(tmp_path):
    kill = (
        "import os\nfrom pathlib import Path\nfrom lab.files import replacing\n"
        f"with replacing(Path({str(tmp_path / 'x.json')!r})) as temporary:\n"
        "    temporary.write_text('half')\n    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", kill], check=False)
    assert len(names(tmp_path)) == 2
    with replacing(tmp_path / "x.json") as temporary:
        write_json(tmp_path / "x.json", 1)
        temporary.write_text("2", "utf-8")
    assert read_json(tmp_path / "x.json") == 2 and names(tmp_path) == ["x.json"]


def test_a_folder_replaces_a_folder(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "old").touch()
    with replacing(tmp_path / "set") as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert names(tmp_path) == ["new", "set"]


def test_a_file_never_replaces_a_folder(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "old").touch()
    with pytest.raises(LabError, match="Cannot write"), replacing(tmp_path / "set") as temporary:
        temporary.write_text("file", "utf-8")
    assert names(tmp_path) == ["old", "set"]


def test_a_folder_that_cannot_be_made_is_told_in_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        LabError, match=r"^Cannot write .*x.json: (Not a directory|File exists)\. Free the space or choose another"
    ):
        write_json(tmp_path / "file" / "x.json", 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_told_in_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(LabError, match="Permission denied"):
        write_json(tmp_path / "x.json", 1)


def test_a_full_disk_is_told_in_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(LabError, match="No space left on device"):
        write_json(tmp_path / "x.json", 1)
    assert names(tmp_path) == []


def test_weights_that_do_not_fit_the_disk_leave_nothing(tmp_path):
    refused = pytest.raises(LabError, match=r"^Cannot write .*File too large")
    with files_limited_to(1000), refused, replacing(tmp_path / "x.safetensors") as temporary:
        save_file({"x": torch.zeros(1000)}, temporary)
    assert names(tmp_path) == []


def test_data_that_do_not_fit_the_disk_leave_nothing(tmp_path):
    with files_limited_to(10_000), pytest.raises(LabError, match=r"^Cannot write .*File too large"):
        load_or_collect(DataSpec("wall", "test", episodes=4, size=16), tmp_path, progress=False)
    assert names(tmp_path) == ["wall"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b""])
def test_what_is_no_json_is_refused(content, tmp_path):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(LabError, match="is not valid JSON"):
        read_json(tmp_path / "x.json")
    with pytest.raises(LabError, match=r"y\.json does not exist"):
        read_json(tmp_path / "y.json")


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("LAB_CACHE")
    assert cache_root().name == ".lab"
