"""Drive the dream, in Streamlit's own test runner and in a real browser."""

import base64
import json

import pytest
from harness import STEERED, TASKS, address, settled, whole
from PIL import Image
from streamlit.testing.v1 import AppTest

from lab.files import MODELS
from lab.web.pack import WORLDS


def worlds(test: AppTest) -> dict:
    """What the component was given."""
    assert whole(test)
    (component,) = test.get("bidi_component")
    return json.loads(component.proto.json)


def about(address: str) -> dict:
    """What a file for the browser says, of its data URI."""
    data = base64.b64decode(address.partition(",")[2])
    length = int.from_bytes(data[:8], "little")
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["about"])


@pytest.mark.parametrize("task", sorted({*STEERED} - {*WORLDS}))
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
    base, other = (worlds(app("dream", task="push_t", model=name, drive="ae")) for name in ("base", model))
    assert other["states"] == base["states"]


def test_opens_at_the_start(app):
    test = app("dream", task="push_t")
    assert worlds(test)["letters"] == "" and "at the start" in worlds(test)["status"]


def test_a_drive_is_kept_through_other_pages_and_strengths(app):
    test = app("dream", task="push_t", drive="mm")
    before = worlds(test)
    test.slider(key="strength").set_value(2.0).run()
    assert worlds(test)["states"] != before["states"]
    assert address(test) == {"task": "push_t", "drive": "mm", "strength": "2.0"}
    test.switch_page("views/plan.py").run()
    assert worlds(test.switch_page("views/dream.py").run())["letters"] == "mm"


@pytest.mark.parametrize("letters", ["xyz", "a" * 16, "A", "../a", "é"])
def test_bad_drive(app, letters):
    test = app("dream", task="push_t", drive=letters)
    assert worlds(test)["letters"] == "" and "The address asks for drive" in test.info[0].value


def test_steered_by_keys_and_clicks(visit):
    page = visit("dream", "?task=push_t&problem=8")
    page.locator(".player").focus()
    for letters, key in (("m", "ArrowUp"), ("mi", "ArrowLeft"), ("mia", "ArrowRight"), ("mi", "Backspace")):
        page.keyboard.press(key)
        page.wait_for_function("letters => new URLSearchParams(location.search).get('drive') === letters", arg=letters)
        settled(page)
    assert "2 blocks" in page.locator(".player .status").inner_text()
    with page.expect_download() as download:
        page.get_by_text("Save animation").click()
    assert Image.open(download.value.path()).n_frames > 5
    box = page.locator(".player .scene").bounding_box()
    page.mouse.click(box["x"] + 5, box["y"] + 5)  # to the upper left
    page.wait_for_function("/drive=mi[i-m]($|&)/.test(location.search)")
    settled(page)
    page.get_by_role("button", name="Begin again").click()
    page.wait_for_function("!location.href.includes('drive')")
    page.get_by_text("Both are at the start").wait_for()


@pytest.mark.parametrize("task", WORLDS)
def test_the_browser_gets_all_models_of_the_task(app, task):
    (address,) = worlds(app("dream", task=task))["sources"].values()
    models = about(address)["models"]
    assert tuple(models) == MODELS and all(len(model["usual"]) == 15 for model in models.values())


def test_models_that_no_browser_runs_are_driven_on_the_server(app, monkeypatch):
    monkeypatch.setenv("LAB_RECIPE", "dino")
    test = app("dream")
    assert not test.exception and "train" in test.error[0].value
