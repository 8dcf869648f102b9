"""A task whose state names no place is shown in its own pictures, on every live page."""

import importlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from harness import quick, whole
from streamlit.testing.v1 import AppTest

from lab.benchmarks import Card, card_of
from lab.errors import LabError
from lab.files import MODELS
from lab.tasks import TASKS
from lab.tasks.registry import register

PLUGINS = Path(__file__).parents[1] / "plugin"


@pytest.fixture
def dial(app, trained, change_card, monkeypatch, tmp_path):
    """``dial(page, **url)``: a page on that task, with a tiny model of every kind."""
    monkeypatch.syspath_prepend(PLUGINS)
    monkeypatch.setattr(TASKS, "registered", {})
    register(importlib.import_module("dial").Dial)
    change_card("dial", settings=quick(card_of("dial").settings))
    for method in MODELS:
        shutil.copytree(trained("dial", method), tmp_path / "models" / "dial" / method / "seed0")
    shutil.copytree(trained("dial").parents[1] / "encoder", tmp_path / "models" / "dial" / "encoder")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    return lambda page, **url: app(page, task="dial", **url)


def rows(test: AppTest) -> dict[str, int]:
    """By name, the rows of pictures on a page, and how many each has; the last of a name counts."""
    assert whole(test)
    bodies = [html.proto.body for html in test.get("html") if "<img" in html.proto.body]
    return {re.search('aria-label="([^"]*)"', body)[1]: body.count('src="data:image') for body in bodies}


def headings(test: AppTest) -> list[str]:
    return [text.value.strip("*") for text in test.markdown if text.value.startswith("**")]


def test_plans_are_film_strips(dial):
    test = dial("plan", planner="gd", rivals="gd-adversarial")
    assert not test.get("bidi_component") and len(test.table[0].value) == 2
    assert rows(test) == {"Film strip: imagined above true frames": 2 * 6 + 1}
    assert headings(test) == ["GD · Base", "GD · Adversarial"]


def test_the_gap_has_pictures_for_a_map(dial):
    test = dial("gap", planner="gd")
    assert len(test.get("plotly_chart")) == 2 and not test.get("bidi_component")
    assert rows(test) == {
        "States of the data policy": 8,
        "States that plans reached, problem: error": 8,
        "Film strip: imagined above true frames": 2 * 6 + 1,
    }
    assert {"GD's plan", "The expert's actions"} <= set(headings(test))


def test_a_plan_of_the_landscape_is_a_film_strip(dial):
    test = dial("landscape")
    assert rows(test) == {"Film strip: imagined above true frames": 2 * 6 + 1}
    assert len([text for text in headings(test) if text.startswith("Imagined by ")]) >= 2


def test_there_is_nothing_to_steer(dial):
    test = dial("dream")
    assert whole(test) and "Dial has no single thing at a place" in test.info[0].value


def test_no_place_is_made_up(dial):
    scene = card_of("dial").scene
    assert not scene.drawable
    with pytest.raises(LabError, match="States of this task name no place"):
        scene.place(np.zeros((2, 2)))


def test_what_is_not_sensed_is_drawn_but_not_followed_in_imagination(dial):
    unsensed = type("Unsensed", (TASKS["dial"],), {"name": "unsensed", "state_fields": ("x", "y")})
    scene = Card(unsensed).scene
    assert scene.drawable and scene.bodies == ()
