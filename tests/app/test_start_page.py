"""Start, in Streamlit's own test runner and in a real browser."""

import json
import re

import pandas as pd
import pytest
from harness import APP, PAGES, whole

from lab.results import save_table
from lab.studies.common.claims import CLAIMS


@pytest.fixture
def figures(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(APP))
    import cached

    monkeypatch.setattr(cached, "FIGURES", tmp_path / "figures")
    return tmp_path / "figures"


def prose(test) -> str:
    return " ".join(element.proto.body for element in test.get("html"))


def test_three_pictures_of_our_own_models(app):
    test = app("start")
    assert whole(test)
    (component,) = test.get("bidi_component")
    leave, err, fix = json.loads(component.proto.json)["lanes"]
    assert len(leave["dots"]) > 500 and leave["states"] == err["states"] != fix["states"]
    assert f"{err['distance'][-1]:.2f} radii" in err["text"] and f"{fix['distance'][-1]:.2f} radii" in fix["text"]


def test_every_claim_with_its_findings(app, figures):
    row = {"task": "wall", "figure": "table1_success", "value": 0.1, "low": 0.05, "high": 0.2, "n": 50}
    rows = [row | {"claim": 2, "sentence": "A <b> & B", "verdict": verdict} for verdict in ("reproduced", "unclear")]
    (figures / "full").mkdir(parents=True)
    save_table(pd.DataFrame(rows), figures / "full" / "claims.csv")
    test = app("start")
    assert whole(test)
    text = prose(test)
    assert len(re.findall("<details>", text)) == len(CLAIMS)
    assert "Wall: 1 of 2" in text and "A &lt;b&gt; &amp; B" in text and text.count("not tested") == len(CLAIMS) - 1
    assert "figures/full/claims.csv" in test.caption[0].value


def test_no_results_and_no_models(app, figures, monkeypatch, tmp_path):
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    test = app("start")
    assert not test.exception
    assert "python -m lab train" in test.error[0].value and "reproduce" in test.info[0].value


def test_a_way_to_every_page(app):
    links = app("start").get("page_link")
    assert {link.proto.page for link in links} == set(PAGES) - {"start"}


def test_glossary_by_keyboard(visit):
    page = visit("start")
    term = page.locator(".term").first
    tip = term.locator("[role=tooltip]")
    assert not tip.is_visible()
    term.focus()
    tip.wait_for(state="visible")
