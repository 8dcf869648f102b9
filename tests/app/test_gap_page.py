"""Train-test gap, in Streamlit's own test runner and in a real browser."""

import json

import pytest
from harness import address, settled, whole
from streamlit.testing.v1 import AppTest

from lab.models import MODELS
from lab.plots.scenes import SCENES


def figures(test: AppTest) -> list[dict]:
    """Errors by step, distributions, the map."""
    assert whole(test)
    return [json.loads(chart.proto.spec) for chart in test.get("plotly_chart")]


def lanes(test: AppTest) -> list[dict]:
    (player,) = test.get("bidi_component")
    return json.loads(player.proto.json)["lanes"]


@pytest.mark.parametrize("task", SCENES)
def test_every_task(app, task):
    test = app("gap", task=task)
    steps, spread, places = figures(test)
    assert len(steps["data"]) == len(spread["data"]) == 2 * len(MODELS)
    assert [trace["name"] for trace in places["data"]] == ["data", "plans"]
    (table,) = test.table
    assert list(table.value.index) == ["Base", "Control", "Online", "Adversarial"]
    assert len(lanes(test)) == 2


def test_far_problems_have_no_pairs(app):
    test = app("gap", goals="random", model="online", planner="cem")
    figures(test)
    assert "Gap" not in test.table[0].value.columns and len(lanes(test)) == 1


def test_the_problem_is_picked(app):
    test = app("gap", problem="3")
    before = lanes(test)[0]["states"]
    assert "picked" in [trace["name"] for trace in figures(test)[2]["data"]]
    test.number_input(key="problem").set_value(4).run()
    assert lanes(test)[0]["states"] != before and address(test)["problem"] == "4"


@pytest.mark.parametrize("bad", [{"many": "1000"}, {"model": "mine"}, {"planner": "../x"}])
def test_bad_addresses_are_answered_in_a_sentence(app, bad):
    test = app("gap", **bad)
    figures(test)
    assert f"The address asks for {next(iter(bad))}" in test.info[0].value


def test_a_clicked_dot_shows_its_trajectory(visit):
    page = visit("gap")
    handle = page.evaluate_handle(
        "() => [...document.querySelectorAll('.js-plotly-plot')].at(-1).querySelectorAll('.scatterlayer .point')[2]"
    )
    handle.as_element().scroll_into_view_if_needed()
    box = handle.as_element().bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("/[?&]problem=/.test(location.href)")
    settled(page)
    assert page.get_by_text("One trajectory, imagined and true").count()
