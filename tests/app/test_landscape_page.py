"""Loss landscape, in Streamlit's own test runner and in a real browser."""

import json

import numpy as np
import pytest
from harness import BRIEF, address, number_in, settled, whole
from streamlit.testing.v1 import AppTest


def components(test: AppTest) -> tuple[dict, dict]:
    """What the landscapes and the player below were given."""
    assert whole(test)
    relief, player = (json.loads(component.proto.json) for component in test.get("bidi_component"))
    return relief, player


@pytest.mark.parametrize("task", BRIEF)
def test_every_task(app, task):
    relief, player = components(app("landscape", task=task))
    assert relief["final"] and [panel["model"] for panel in relief["panels"]] == ["base", "online", "adversarial"]
    low, high = relief["range"]
    for panel in relief["panels"]:
        loss = np.array(panel["loss"])
        assert loss.shape == (49, 49) and low <= loss.min() and loss.max() <= high
        assert [path["name"] for path in panel["paths"]] == ["GD", "Adam", "CEM"]
        assert all(0 <= path["explained"] <= 1.0001 for path in panel["paths"])
    assert len(player["lanes"]) == 3 and player["stage"]["task"] == task


@pytest.mark.parametrize("directions", ["plans", "paths", "curvature", "random"])
@pytest.mark.parametrize("centre", ["cem", "adam", "start", "expert"])
def test_every_plane(app, directions, centre):
    test = app("landscape", directions=directions, centre=centre, beside="base")
    relief, player = components(test)
    middle = relief["panels"][0]["loss"][24][24]
    assert middle == pytest.approx(player["lanes"][0]["plans"][0]["loss"][0], rel=1e-2)  # u = v = 0 is executed
    if directions == "paths":  # the base model's principal components hold more of its paths than a random slice
        random, _ = components(app("landscape", directions="random", centre=centre, beside="base"))
        explained = [sum(path["explained"] for path in made["panels"][0]["paths"]) for made in (relief, random)]
        assert explained[0] > explained[1]


def test_a_picked_point_is_executed_and_kept_in_the_address(app):
    test = app("landscape", beside="base")
    before = components(test)[1]["lanes"][0]["states"]
    test.number_input(key="u").set_value(5.0).run()
    relief, player = components(test)
    assert relief["pick"] == [5.0, 0.0] and address(test)["u"] == "5.0"
    assert player["lanes"][0]["states"] != before


def test_far_problems_have_no_expert_to_look_around(app):
    test = app("landscape", goals="random", centre="expert", beside="base")
    assert components(test)[0]["marks"][0]["name"] == "CEM's plan"
    assert "The address asks for centre" in test.info[0].value


@pytest.mark.parametrize("bad", [{"directions": "up"}, {"zoom": "900"}, {"u": "x"}, {"beside": "all"}])
def test_bad_addresses_are_answered_in_a_sentence(app, bad):
    test = app("landscape", **bad)
    components(test)
    assert f"The address asks for {next(iter(bad))}" in test.info[0].value


def test_no_model_at_all(app):
    test = app("landscape", beside="")
    assert whole(test) and "at least one model" in test.info[0].value


def test_clicked_turned_and_played(visit):
    page = visit("landscape", "?beside=base")
    above = page.locator(".relief .above")
    above.scroll_into_view_if_needed()
    box = above.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.3)
    page.wait_for_function("/[?&]u=/.test(location.href)")
    settled(page)
    assert number_in(page.url, "u") > 0 and number_in(page.url, "v") > 0
    shown = "document.querySelector('.relief .surface').toDataURL()"
    before = page.evaluate(shown)
    page.locator(".relief .surface").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(shown) != before
    page.keyboard.press("Home")
    assert "iteration 0" in page.locator(".relief .paths").inner_text()
    page.keyboard.press(" ")
    page.get_by_role("button", name="One step on").first.wait_for()
    page.keyboard.press("End")
    page.wait_for_function("!document.querySelector('.relief .paths').innerText.includes('iteration 0;')")
