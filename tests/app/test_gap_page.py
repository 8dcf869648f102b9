"""Train-test gap, in Streamlit's own test runner and in a real browser."""

import json

import pytest
from harness import BRIEF, address, number_in, settled, whole
from streamlit.testing.v1 import AppTest

from lab.files import MODELS


def figures(test: AppTest) -> list[dict]:
    """Errors by step, distributions, the map."""
    assert whole(test)
    return [json.loads(chart.proto.spec) for chart in test.get("plotly_chart")]


def lanes(test: AppTest) -> list[dict]:
    (player,) = test.get("bidi_component")
    return json.loads(player.proto.json)["lanes"]


@pytest.mark.parametrize("task", BRIEF)
def test_every_task(app, task):
    test = app("gap", task=task, problem="23")  # not one of the first ten, which are planned for
    steps, spread, places = figures(test)
    assert len(steps["data"]) == len(spread["data"]) == 2 * len(MODELS)
    assert [trace["name"] for trace in places["data"]] == ["data", "plans"]
    (table,) = test.table
    assert list(table.value.index) == ["Base", "Control", "Online", "Adversarial"]
    assert len(lanes(test)) == 2


def test_far_problems_have_no_pairs(app):
    test = app("gap", goals="random", model="online", planner="network+adam")
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


def test_a_dot_on_the_map_is_clicked(visit):
    page = visit("gap", "?problem=0")
    page.get_by_text("Bars: 95% bootstrap").wait_for()  # all models are planned on, so that no run of the page is due
    dots = page.locator(".st-key-map .scatterlayer .trace:last-child .point")
    dots.last.scroll_into_view_if_needed()
    box = dots.last.bounding_box()  # of the last problem
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("/problem=[1-9]/.test(location.href)")
    settled(page)
    page.get_by_text(f"Problem {number_in(page.url, 'problem'):.0f}, planned on").wait_for()


def test_the_map_has_its_size_again_in_a_window_made_wide_again(visit):
    page = visit("gap", "?problem=0")
    page.get_by_text("Bars: 95% bootstrap").wait_for()
    before = page.evaluate(SPREAD)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 1500})
        page.wait_for_timeout(900)  # a chart follows its window late
    assert page.evaluate(SPREAD) == pytest.approx(before, rel=0.02)


#: how far the dots of the map reach, in px
SPREAD = """() => {
  const dots = [...document.querySelectorAll('.st-key-map .scatterlayer .trace:last-child .point')];
  const tops = dots.map(dot => dot.getBoundingClientRect().top);
  return Math.max(...tops) - Math.min(...tops);
}"""
