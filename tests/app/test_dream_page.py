"""Drive the dream, in Streamlit's own test runner and in a real browser."""

import json

import pytest
from harness import STEERED, TASKS, address, settled, whole
from streamlit.testing.v1 import AppTest

from lab.files import MODELS


def worlds(test: AppTest) -> dict:
    """What the component was given."""
    assert whole(test)
    (component,) = test.get("bidi_component")
    return json.loads(component.proto.json)


@pytest.mark.parametrize("task", STEERED)
def test_every_task(app, task):
    data = worlds(app("dream", task=task, drive="aei"))
    assert len(data["states"]) == 16 and len(data["ghost"]) == len(data["error"]) == 4
    assert data["usual"][2] > 0 and data["stage"]["task"] == task


@pytest.mark.parametrize("task", sorted({*TASKS} - {*STEERED}))
def test_nothing_to_steer(app, task):
    test = app("dream", task=task)
    assert whole(test) and "nothing that arrow keys could steer" in test.info[0].value


@pytest.mark.parametrize("model", MODELS)
def test_same_drive_in_another_dream(app, model):
    """The true world does not depend on the model."""
    base, other = (worlds(app("dream", model=name, drive="ae")) for name in ("base", model))
    assert other["states"] == base["states"]


def test_opens_at_the_start(app):
    test = app("dream")
    assert worlds(test)["letters"] == "" and not address(test) and "at the start" in worlds(test)["status"]


def test_a_drive_is_kept_through_other_pages_and_strengths(app):
    test = app("dream", drive="mm")
    before = worlds(test)
    test.slider(key="strength").set_value(2.0).run()
    assert worlds(test)["states"] != before["states"] and address(test) == {"drive": "mm", "strength": "2.0"}
    test.switch_page("views/plan.py").run()
    assert worlds(test.switch_page("views/dream.py").run())["letters"] == "mm"


@pytest.mark.parametrize("letters", ["xyz", "a" * 16, "A", "../a", "é"])
def test_bad_drive(app, letters):
    test = app("dream", drive=letters)
    assert worlds(test)["letters"] == "" and "The address asks for drive" in test.info[0].value


def test_steered_by_keys_and_clicks(visit):
    page = visit("dream")
    page.locator(".player").focus()
    for letters, key in (("m", "ArrowUp"), ("mi", "ArrowLeft"), ("mia", "ArrowRight"), ("mi", "Backspace")):
        page.keyboard.press(key)
        page.wait_for_function("letters => location.href.endsWith(`drive=${letters}`)", arg=letters)
        settled(page)
    assert "2 blocks" in page.locator(".player .status").inner_text()
    box = page.locator(".player .scene").bounding_box()
    page.mouse.click(box["x"] + 5, box["y"] + 5)  # to the upper left
    page.wait_for_function("/drive=mi[i-m]$/.test(location.href)")
    settled(page)
    page.get_by_role("button", name="Begin again").click()
    page.wait_for_function("!location.href.includes('drive')")
    page.get_by_text("Both are at the start").wait_for()
