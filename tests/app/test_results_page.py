"""The committed results, in Streamlit's own test runner."""

import pandas as pd
import pytest
from harness import APP

from lab.results import Result, save_result


@pytest.fixture
def figures(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(APP))
    import cached

    monkeypatch.setattr(cached, "FIGURES", tmp_path / "figures")
    return tmp_path / "figures"


def test_nothing_yet(app, figures):
    test = app("results")
    assert not test.exception and "no results yet" in test.info[0].value
    assert test.code[0].value == "python -m lab reproduce --preset quick"


def test_table_protocol_and_command(app, figures):
    table = pd.DataFrame({"model": ["base"], "rate": [0.5], "low": [0.4], "high": [0.6]})
    meta = {"config": {"task": "wall", "preset": "quick"}, "protocols": [{"text": "50 problems"}]}
    save_result(Result({"success": table}, meta), figures / "quick" / "table1_success" / "wall")
    test = app("results")
    assert not test.exception and test.dataframe[0].value.equals(table)
    assert "50 problems" in "".join(text.value for text in test.markdown)
    assert test.code[0].value.endswith("reproduce --preset quick --only table1_success --task wall")
    test.segmented_control(key="task").set_value("push_t").run()
    assert not test.exception and "not there for PushT yet, but for Wall" in test.info[0].value


def test_bad_address(app, figures):
    meta = {"config": {"task": "wall", "preset": "quick"}}
    save_result(Result({"success": pd.DataFrame({"a": [1]})}, meta), figures / "quick" / "fig4_gap" / "wall")
    test = app("results", experiment="../../secret")
    assert "which is not there" in test.info[0].value and test.dataframe


def test_broken_table(app, figures):
    folder = figures / "quick" / "table1_success" / "wall"
    meta = {"config": {"task": "wall", "preset": "quick"}}
    save_result(Result({"success": pd.DataFrame({"a": [1]})}, meta), folder)
    (folder / "success.csv").unlink()
    test = app("results")
    assert not test.exception and "make them again" in test.error[0].value


def test_choice_survives_the_page_switch(app, figures):
    test = app("plan", task="push_t").switch_page("views/results.py").run()
    assert test.switch_page("views/plan.py").run().segmented_control(key="task").value == "push_t"
