"""``python -m lab verify``: whatever is not as it was written is named, with what to do."""

import json
import shutil
from pathlib import Path

import pytest
from stores import STORES

from lab.checksums import SIGNABLE
from lab.cli import main
from lab.files import SHIPPED, cache_root


def verify(*words):
    return main(["verify", *map(str, words)])


@pytest.fixture
def everything(empty_cache, tmp_path):
    """One of each stored thing, below one folder with the cache; its path."""
    for name, store in STORES.items():
        folder = tmp_path / "things" / name
        folder.mkdir(parents=True)
        store.make(folder)
        store.read(folder)
    shutil.copytree(cache_root(), tmp_path / "things" / "cache")
    return tmp_path / "things"


def damage(path):
    data = path.read_bytes()
    path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])


def test_a_bit_in_any_file_is_found(everything, capsys):
    assert verify(everything) == 0
    assert " read, 0 of them not as they were written" in capsys.readouterr().out
    unnamed = ("metrics.jsonl", "own.json")  # a log, and settings that the name of their folder says again
    for path in [path for path in everything.rglob("*.*") if path.is_file() and path.name not in unnamed]:
        if "locks" in path.parts or "raw" in path.parts:
            continue
        before = path.read_bytes()
        damage(path)
        assert verify(everything) == 1, path
        found = capsys.readouterr().out
        assert str(path) in found or str(path.parent) in found, path
        path.write_bytes(before)


def test_a_manifest_without_its_hash_is_not_verifiable_whatever_else_it_says(everything, capsys):
    for path in [path for path in everything.rglob("*.json") if path.name != "own.json" and "raw" not in path.parts]:
        content = json.loads(path.read_text("utf-8"))
        del content["sha256"]
        for changes in ({}, {"seed": 7}):
            path.write_text(json.dumps(content | changes), "utf-8")
            assert verify(path.parent) == 1, path
            found = capsys.readouterr().out
            assert f"{path} names no SHA-256, so that it cannot be verified." in found, path
        if path.name in SIGNABLE:
            assert f"verify --sign {path.parent}' adds it" in found
            assert verify("--sign", path.parent) == verify(path.parent) == 0, path


def test_what_is_shipped_and_cached_is_verified_and_the_way_to_restore_it_said(empty_cache, monkeypatch, capsys):
    network = Path("wall") / "initialisation" / "seed0"
    shutil.copytree(SHIPPED / network, cache_root() / "models" / network)
    monkeypatch.setattr("lab.files.SHIPPED", empty_cache / "models")
    assert verify() == 0
    damage(cache_root() / "models" / network / "network.safetensors")
    assert verify() == 1
    assert capsys.readouterr().out.count("It is part of the lab: 'git checkout -- ") == 2  # in both places
    monkeypatch.setattr("lab.files.SHIPPED", empty_cache / "nowhere")
    (empty_cache / "nowhere").mkdir()
    assert verify() == 1
    assert capsys.readouterr().out.count("run 'python -m lab train --task wall --method initialisation --seed 0'.") == 1


@pytest.mark.filterwarnings("ignore:.*names no SHA-256 of its own")
def test_models_and_results_of_version_0_1_can_be_signed(tmp_path, capsys):
    folders = {name: tmp_path / name for name in ("model", "network", "result", "kept result")}
    for name, folder in folders.items():
        folder.mkdir()
        STORES[name].make(folder)
    shutil.rmtree(folders["kept result"] / "raw")
    expected = {name: STORES[name].numbers(folder) for name, folder in folders.items() if name != "model"}
    manifests = [path for path in tmp_path.rglob("*.json")]
    assert len(manifests) == 4
    for path in manifests:
        content = json.loads(path.read_text("utf-8"))
        for name in ("sha256", "files"):
            content.pop(name, None)
        content |= {"tables": list(content["tables"])} if "tables" in content else {}
        path.write_text(json.dumps(content), "utf-8")
    assert verify(tmp_path) == 1
    assert capsys.readouterr().out.count("--sign") == 4
    assert verify(tmp_path, "--sign") == 0
    assert {name: STORES[name].numbers(folders[name]) for name in expected} == expected


@pytest.mark.filterwarnings("ignore:.*names no SHA-256 of its own")
def test_signing_does_not_hide_what_is_broken(tmp_path, capsys):
    STORES["model"].make(tmp_path)
    path = tmp_path / "model" / "model.json"
    content = json.loads(path.read_text("utf-8"))
    del content["sha256"]
    path.write_text(json.dumps(content), "utf-8")
    damage(tmp_path / "model" / "model.safetensors")
    assert verify(tmp_path, "--sign") == 2
    assert "has been changed since it was written" in capsys.readouterr().err
    assert json.loads(path.read_text("utf-8")) == content


def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    assert verify(tmp_path / "nowhere") == 2
    assert "nowhere is no folder" in capsys.readouterr().err
