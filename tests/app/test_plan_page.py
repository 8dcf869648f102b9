"""Live planning, in Streamlit's own test runner and in a real browser."""

import json
import shutil
from itertools import product

import pytest
from harness import STEERED, TASKS, address, commands, number_in, settled, whole
from streamlit.testing.v1 import AppTest

from lab.files import MODELS
from lab.planning import MODES, PLANNERS
from lab.plots.palette import LABELS


def chosen(test: AppTest) -> dict[str, str]:
    return {key: test.segmented_control(key=key).value for key in ("task", "model", "planner", "goals", "mode")}


def race(test: AppTest) -> dict:
    """What the player was given."""
    (player,) = test.get("bidi_component")
    return json.loads(player.proto.json)


def healthy(test: AppTest, methods: int = 2) -> bool:
    """A verdict, a player with that many lanes, the same in a table, and nothing wrong."""
    assert whole(test)
    assert len(test.success) + len(test.warning) == 1
    assert len(race(test)["lanes"]) == len(test.table[0].value) == methods
    return True


@pytest.mark.parametrize(("task", "model"), sorted({*product(STEERED, MODELS), *product(TASKS, ["base"])}))
def test_every_task_and_model(app, task, model):
    test = app("plan", task=task, model=model, rivals="")
    assert healthy(test, 1)
    assert chosen(test)["task"] == task and chosen(test)["model"] == model
    (command,) = commands(test)
    assert f"--task {task} --model {model} " in command
    assert race(test)["stage"]["task"] == task


@pytest.mark.parametrize(
    ("planner", "mode"), [*((planner, "open") for planner in PLANNERS), ("adam", "mpc"), ("cem", "mpc")]
)
def test_every_planner_and_mode(app, planner, mode):
    test = app("plan", planner=planner, mode=mode, rivals="")
    assert healthy(test, 1)
    (lane,) = race(test)["lanes"]
    assert len(lane["plans"]) == MODES[mode].budget


def test_adam_starts_from_the_network(app):
    test = app("plan", planner="network+adam", rivals="adam-base,network+adam-online")
    assert healthy(test, 3)
    titles = [lane["title"] for lane in race(test)["lanes"]]
    assert titles == ["Network, then Adam · Base", "Adam · Base", "Network, then Adam · Online"]
    assert " --planner adam --start network " in commands(test)[0]
    test.segmented_control(key="task").set_value("rope").run()  # which has no such network
    assert healthy(test, 2) and chosen(test)["planner"] == "adam"


def test_opens_on_a_picture(app):
    test = app("plan")
    assert healthy(test)
    assert not test.info and not address(test)
    assert [lane["title"] for lane in race(test)["lanes"]] == ["Adam · Base", "Adam · Adversarial"]


def test_four_methods_race_on_one_problem(app):
    test = app("plan", rivals="cem-base,gd-online,adam-control")
    assert healthy(test, 4)
    lanes = race(test)["lanes"]
    assert len({tuple(lane["states"][0]) for lane in lanes}) == 1
    assert len({lane["title"] for lane in lanes}) == 4
    test.pills(key="rivals").set_value(["cem-base", "gd-online", "adam-control", "gd-base"]).run()
    assert healthy(test, 4) and len(test.toast) == 1  # a fifth finds no place
    test.pills(key="rivals").set_value(["gd-base", "cem-base"]).run()
    assert healthy(test, 3) and address(test)["rivals"] == "gd-base,cem-base"
    assert len({lane["colour"] for lane in race(test)["lanes"]}) == 3  # one model: each planner in its colour


def test_address_is_honoured_and_kept(app):
    url = {"task": "point_maze", "model": "control", "planner": "cem", "goals": "random", "mode": "mpc"}
    test = app("plan", **url, problem="7")
    assert healthy(test) and chosen(test) == url
    assert test.number_input(key="problem").value == 7
    assert (url | {"problem": "7"}).items() <= address(test).items()


def test_choices_go_to_the_address(app):
    test = app("plan")
    test.segmented_control(key="planner").set_value("cem").run()
    assert healthy(test) and address(test)["planner"] == "cem"
    test.segmented_control(key="planner").set_value("adam").run()
    assert "planner" not in address(test)


def test_back_in_the_browser(app):
    test = app("plan", task="point_maze")
    test.segmented_control(key="task").set_value("push_t").run()
    test.query_params["task"] = "point_maze"
    assert chosen(test.run())["task"] == "point_maze"
    del test.query_params["task"]
    assert chosen(test.run())["task"] == "wall"


def test_a_late_address_does_not_undo_a_choice(app):
    """Two quick choices: the second arrives with the address from before the first."""
    test = app("plan")
    test.segmented_control(key="planner").set_value("gd").run()
    del test.query_params["planner"]
    test.segmented_control(key="model").set_value("online").run()
    assert chosen(test)["planner"] == "gd" and address(test) == {"planner": "gd", "model": "online"}


@pytest.mark.parametrize(
    "url",
    [
        {"task": "chess"}, {"model": "../../etc/passwd"}, {"planner": "PPO"}, {"goals": "x" * 1000}, {"mode": ""},
        {"click": "here"}, {"rivals": "ppo-base"}, {"rivals": "gd-base,gd-base"}, {"problem": "999"}, {"problem": "-1"},
        {"problem": "one"}, {"task": "push_t", "goals": "random"}, {"start_x": "nan"}, {"goal_y": "1e9"},
        {"model": "![](http://x)"},
    ],
)  # fmt: skip
def test_bad_address(app, url):
    test = app("plan", **url)
    assert healthy(test)
    assert len(test.info) == 1 and "The address asks for" in test.info[0].value
    assert len(test.info[0].value) < 400


def test_moved_by_hand(app):
    test = app("plan", goal_x="50", goal_y="50")
    assert healthy(test) and not commands(test)
    assert test.number_input(key="goal_x").value == 50 and race(test)["stage"]["goal"] == [50, 50]
    assert "share" in "".join(caption.value for caption in test.caption)
    test.button[0].click().run()  # put both back
    assert healthy(test) and commands(test) and test.number_input(key="goal_x").value is None
    assert not address(test)


def test_another_task_forgets_what_was_moved(app):
    test = app("plan", start_x="10")
    test.segmented_control(key="task").set_value("point_maze").run()
    assert healthy(test) and test.number_input(key="start_x").value is None


def test_missing_model(app, monkeypatch, tmp_path, cache):
    for name in ("base", "encoder"):
        shutil.copytree(cache / "models" / "wall" / name, tmp_path / "models" / "wall" / name)
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    test = app("plan", model="online", rivals="")
    assert not test.exception and "python -m lab train --task wall --method online" in test.error[0].value
    test.button[-1].click().run()  # use the base model
    assert healthy(test, 1) and chosen(test)["model"] == "base"


def test_no_model_at_all(app, monkeypatch, tmp_path):
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    test = app("plan")
    assert not test.exception and "python -m lab train" in test.error[0].value and "yet" in test.info[0].value


def test_broken_model(app, monkeypatch, tmp_path, cache):
    shutil.copytree(cache / "models" / "wall", tmp_path / "models" / "wall")
    (tmp_path / "models" / "wall" / "online" / "seed0" / "predictor.safetensors").write_bytes(b"no")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    test = app("plan", model="online")
    assert not test.exception and "predictor.safetensors has been changed" in test.error[0].value


class TestBrowser:
    def test_planner_by_keyboard(self, visit):
        page = visit("plan")
        following = PLANNERS[PLANNERS.index("adam") + 1]
        page.get_by_role("button", name="Planner, model, race").click()
        page.get_by_role("radio", name="Adam", exact=True).focus()
        page.keyboard.press("ArrowRight")
        if f"planner={following}" not in page.url:
            page.keyboard.press("Enter")
        page.wait_for_url(f"**planner={following}**")
        settled(page)
        chosen = page.get_by_role("radio", name=LABELS[following], exact=True)
        assert chosen.get_attribute("aria-checked") == "true"
        page.get_by_text(f"--planner {following}").wait_for()

    def test_play_step_and_reset_by_keyboard(self, visit):
        page = visit("plan")
        status, ring = page.locator(".player .status").first, page.locator(".player").first
        assert "missed" in status.inner_text()
        ring.focus()
        page.keyboard.press("Home")
        assert "iteration 0" in status.inner_text()
        for _ in range(10):  # the clocks of the racing methods decide whose iteration is next
            page.keyboard.press("ArrowRight")
        assert "iteration 0" not in status.inner_text() and "iteration" in status.inner_text()
        page.keyboard.press(" ")
        page.get_by_role("button", name="Pause").wait_for()
        page.get_by_text("missed").first.wait_for()
        page.get_by_role("button", name="Play").wait_for()

    def test_a_click_moves_the_goal(self, visit):
        page = visit("plan")
        area = page.locator(".player .scene").first.bounding_box()
        page.mouse.click(area["x"] + 0.7 * area["width"], area["y"] + 0.7 * area["height"])
        page.wait_for_url("**goal_x=**")
        assert number_in(page.url, "goal_x") == pytest.approx(0.7 * 65 - 0.5, abs=0.5)
        page.get_by_text("moved by hand").wait_for()
