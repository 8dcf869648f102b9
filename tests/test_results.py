"""Results on disk: what is read back, kept as the reference, and found first."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from lab.errors import LabError
from lab.evaluation.compare import INTERVALS
from lab.files import ROOT
from lab.repro.keep import keep
from lab.results import Result, keep_tables, load_result, save_result, table_text
from lab.studies.common.stored import results_of


def result(value: float, rows: int = 2) -> Result:
    config = {"task": "wall", "preset": "full"}
    tables = {"rates": pd.DataFrame({"rate": [value] * rows}), "pairs": pd.DataFrame({"success": [True] * 9000})}
    return Result(tables, {"config": config})


def test_kept_tables_are_the_same_bytes_and_large_ones_compressed(tmp_path):
    save_result(result(0.25), tmp_path / "own")
    (tmp_path / "own" / "picture.png").write_bytes(b"png")
    keep_tables(tmp_path / "own", tmp_path / "kept")
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"meta.json", "rates.csv", "pairs.csv.gz"}
    for name in ("rates", "pairs"):
        assert table_text(tmp_path / "kept", name) == (tmp_path / "own" / f"{name}.csv").read_bytes()
    ours, theirs = load_result(tmp_path / "kept"), load_result(tmp_path / "own")
    assert ours.meta == theirs.meta and all(ours.tables[name].equals(theirs.tables[name]) for name in theirs.tables)


def test_keeping_again_changes_no_byte_and_leaves_nothing_old(tmp_path):
    save_result(result(0.25), tmp_path / "own")
    save_result(Result({"old": pd.DataFrame({"x": [1]})}, {}), tmp_path / "kept")
    written = []
    for _ in range(2):
        keep_tables(tmp_path / "own", tmp_path / "kept")
        written.append({path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()})
    assert written[0] == written[1] and "old.csv" not in written[0]


DAMAGES = {
    "a number": ("rates.csv", lambda text: text.replace(b"0.25", b"0.75")),
    "no table": ("rates.csv", lambda text: b""),
    "noise": ("rates.csv", lambda text: b"\xff\xfe\0"),
    "broken archive": ("pairs.csv.gz", lambda text: text[:-9]),
    "other archive": ("pairs.csv.gz", lambda text: gzip.compress(b"success\nFalse\n")),
    "other provenance": ("meta.json", lambda text: text.replace(b"full", b"quick")),
    "no hash of its own": ("meta.json", lambda text: text.replace(b'"sha256"', b'"sha"')),
    "no object": ("meta.json", lambda text: b"null"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_changed_result_is_refused(damage, tmp_path):
    save_result(result(0.25), tmp_path / "own")
    keep_tables(tmp_path / "own", tmp_path / "kept")
    name, change = DAMAGES[damage]
    path = tmp_path / "kept" / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(LabError, match=path.name) as refusal:
        load_result(tmp_path / "kept")
    assert "\n" not in str(refusal.value)


def test_every_reference_result_is_unchanged_and_no_interval_excludes_zero_by_rounding():
    folders = [path.parent for path in (ROOT / "figures" / "reference").rglob("meta.json")]
    assert folders
    for folder in folders:
        tables = load_result(folder).tables
        assert tables
        for table in tables.values():
            ends = table[[name for name in INTERVALS if name in table]].abs()
            assert not ((ends > 0) & (ends < 1e-12)).any(axis=None), folder


def test_ones_own_results_go_before_the_reference(tmp_path):
    own, reference = str(tmp_path / "own"), str(tmp_path / "reference")
    for folder, value in ((own, 0.5), (reference, 0.25)):
        save_result(result(value), tmp_path / folder / "full" / "table1_success" / "wall")
    save_result(result(0.75), tmp_path / reference / "full" / "starts" / "wall")
    found = results_of("wall", "full", own, reference)
    assert {name: one.tables["rates"].rate[0] for name, one in found.items()} == {"table1_success": 0.5, "starts": 0.75}


def test_a_damaged_result_is_not_left_out_in_silence(tmp_path):
    folder = tmp_path / "own" / "full" / "table1_success" / "wall"
    save_result(result(0.5), folder)
    table = folder / "rates.csv"
    table.write_bytes(table.read_bytes().replace(b"0.5", b"0.9"))
    with pytest.raises(LabError, match=r"rates\.csv has been changed"):
        results_of("wall", "full", str(tmp_path / "own"))


def test_keeping_nothing_is_refused(tmp_path):
    with pytest.raises(LabError, match=r"no results in .*: make them with 'python -m lab reproduce'"):
        keep("full", str(tmp_path))


def test_the_reference_results_are_tables_alone():
    files = [path for path in (ROOT / "figures" / "reference").glob("*/*/*/*") if path.is_file()]
    tracked = [path for path in files if path.suffix not in (".png", ".pdf", ".html")]  # those, git ignores
    assert {"".join(path.suffixes) for path in tracked} == {".json", ".csv", ".csv.gz"}
    assert all(gzip.decompress(path.read_bytes()) for path in tracked if path.suffix == ".gz")
    assert sum(path.stat().st_size for path in tracked) < 10e6


def report(out: Path, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "lab.repro.report", "smoke", str(out)]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, encoding="utf-8")


def test_the_report_is_utf_8_in_any_locale_and_of_verified_tables(tmp_path):
    folder = tmp_path / "smoke" / "rollouts" / "wall"
    save_result(Result({"rates": pd.DataFrame({"word": ["Å – ü"], "rate": [0.25]})}, {"note": "é"}), folder)
    done = report(tmp_path, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "Å – ü" in (tmp_path / "smoke" / "index.html").read_text("utf-8")
    (folder / "rates.csv").write_text("word,rate\nÅ – ü,0.75\n", "utf-8")
    done = report(tmp_path)
    assert done.returncode and "rates.csv has been changed" in done.stderr and "Traceback" not in done.stderr
