"""Why plans fail, in Streamlit's own test runner and in a real browser."""

import json

import pytest
from harness import BRIEF, address, settled, whole

from lab.evaluation.anatomy import CAUSES, KINDS
from lab.files import MODELS
from lab.plots.palette import LABELS


def figures(test) -> list[dict]:
    """The plans' losses, the causes of misses, and the kinds of plans."""
    assert whole(test)
    return [json.loads(chart.proto.spec) for chart in test.get("plotly_chart")]


@pytest.mark.parametrize("task", BRIEF)
def test_every_task(app, task):
    losses, causes, kinds = figures(app("anatomy", task=task))
    plans = [trace for trace in losses["data"] if trace["mode"] == "markers"]
    assert sum(len(trace["customdata"]) for trace in plans) == 10 * 8
    assert (
        sum(len(trace["customdata"]) for trace in plans if trace["marker"]["size"] == 11) == 10
    )  # one is chosen a problem
    assert [bar["name"] for bar in kinds["data"]] == list(KINDS)
    assert {bar["name"] for bar in causes["data"]} == set(CAUSES)
    for figure in (kinds, causes):
        assert set(figure["data"][0]["y"]) == {LABELS[model] for model in MODELS}
        widths = (bar["x"] for bar in figure["data"])
        assert all(sum(shares) == pytest.approx(100) for shares in zip(*widths, strict=True))
    assert causes["data"][0]["x"] == kinds["data"][0]["x"]


def test_the_problem_is_picked(app):
    test = app("anatomy", problem="3")
    figures(test)
    test.number_input(key="problem").set_value(4).run()
    figures(test)
    assert address(test)["problem"] == "4"


@pytest.mark.slow
def test_a_dot_is_clicked(visit):
    page = visit("anatomy", "?problem=49")  # not among those that have dots
    page.wait_for_function("!document.body.innerText.includes('Planning on')")
    settled(page)
    dot = page.locator(".st-key-losses .scatterlayer .point").first.bounding_box()
    page.mouse.click(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    page.wait_for_function("/problem=\\d(?!\\d)/.test(location.href)")
    settled(page)
