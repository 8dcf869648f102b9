"""Live planning, in Streamlit's own test runner and in a real browser."""

import shutil

import pytest
from harness import address, number_in, settled, whole
from streamlit.testing.v1 import AppTest

from lab.models import MODELS
from lab.planning import MODES, PLANNERS
from lab.tasks import TASKS


def chosen(test: AppTest) -> dict[str, str]:
    return {key: test.segmented_control(key=key).value for key in ("task", "model", "planner", "goals", "mode")}


def healthy(test: AppTest) -> bool:
    """A verdict, two charts, three numbers, and nothing wrong."""
    assert whole(test)
    assert len(test.success) + len(test.warning) == 1
    assert len(test.get("plotly_chart")) == 2 and len(test.metric) == 3
    return True


class TestLivePlanning:
    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize("task", TASKS)
    def test_every_task_and_model(self, app, task, model):
        test = app("plan", task=task, model=model)
        assert healthy(test)
        assert chosen(test)["task"] == task and chosen(test)["model"] == model
        (command,) = test.code
        assert f"--task {task} --model {model} " in command.value

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("planner", PLANNERS)
    def test_every_planner_and_mode(self, app, planner, mode):
        test = app("plan", planner=planner, mode=mode)
        assert healthy(test)
        assert len(test.slider) == (mode == "mpc")  # which replan to show

    def test_opens_on_a_picture(self, app):
        test = app("plan")
        assert healthy(test)
        assert not test.info and not address(test)

    def test_address_is_honoured_and_kept(self, app):
        url = {"task": "point_maze", "model": "control", "planner": "cem", "goals": "random", "mode": "mpc"}
        test = app("plan", **url, problem="7", replan="3")
        assert healthy(test) and chosen(test) == url
        assert test.number_input(key="problem").value == 7 and test.slider(key="replan").value == 3
        assert url.items() <= address(test).items()

    def test_choices_go_to_the_address(self, app):
        test = app("plan")
        test.segmented_control(key="planner").set_value("cem").run()
        assert healthy(test) and address(test)["planner"] == "cem"
        test.segmented_control(key="planner").set_value("adam").run()
        assert "planner" not in address(test)

    def test_back_in_the_browser(self, app):
        test = app("plan", task="point_maze")
        test.segmented_control(key="task").set_value("push_t").run()
        test.query_params["task"] = "point_maze"
        assert chosen(test.run())["task"] == "point_maze"
        del test.query_params["task"]
        assert chosen(test.run())["task"] == "wall"

    @pytest.mark.parametrize(
        "url",
        [
            {"task": "chess"}, {"model": "../../etc/passwd"}, {"planner": "PPO"}, {"goals": "x" * 1000}, {"mode": ""},
            {"click": "here"}, {"mode": "mpc", "replan": "0"}, {"problem": "999"}, {"problem": "-1"},
            {"problem": "one"}, {"task": "push_t", "goals": "random"}, {"start_x": "nan"}, {"goal_y": "1e9"},
        ],
    )  # fmt: skip
    def test_bad_address(self, app, url):
        test = app("plan", **url)
        assert healthy(test)
        assert len(test.info) == 1 and "The address asks for" in test.info[0].value
        assert len(test.info[0].value) < 300

    def test_moved_by_hand(self, app):
        test = app("plan", goal_x="50", goal_y="50")
        assert healthy(test) and not test.code
        assert test.number_input(key="goal_x").value == 50
        assert "share" in "".join(caption.value for caption in test.caption)
        test.button[0].click().run()  # put both back
        assert healthy(test) and test.code and test.number_input(key="goal_x").value is None

    def test_another_task_forgets_what_was_moved(self, app):
        test = app("plan", start_x="10")
        test.segmented_control(key="task").set_value("point_maze").run()
        assert healthy(test) and test.number_input(key="start_x").value is None

    def test_missing_model(self, app, monkeypatch, tmp_path, cache):
        shutil.copytree(cache / "models" / "wall" / "base", tmp_path / "models" / "wall" / "base")
        monkeypatch.setenv("LAB_CACHE", str(tmp_path))
        test = app("plan", model="online")
        assert not test.exception and "python -m lab train --task wall --method online" in test.error[0].value
        test.button[-1].click().run()  # use the base model
        assert healthy(test) and chosen(test)["model"] == "base"

    def test_no_model_at_all(self, app, monkeypatch, tmp_path):
        monkeypatch.setenv("LAB_CACHE", str(tmp_path))
        test = app("plan")
        assert not test.exception and "python -m lab train" in test.error[0].value and "yet" in test.info[0].value

    def test_broken_model(self, app, monkeypatch, tmp_path, cache):
        shutil.copytree(cache / "models" / "wall", tmp_path / "models" / "wall")
        (tmp_path / "models" / "wall" / "online" / "seed0" / "model.safetensors").write_bytes(b"no")
        monkeypatch.setenv("LAB_CACHE", str(tmp_path))
        test = app("plan", model="online")
        assert not test.exception and "not a readable safetensors file" in test.error[0].value


class TestBrowser:
    def test_planner_by_keyboard(self, visit):
        page = visit("plan")
        page.get_by_role("radio", name="Adam", exact=True).focus()
        page.keyboard.press("ArrowRight")
        if "planner=cem" not in page.url:
            page.keyboard.press("Enter")
        page.wait_for_url("**planner=cem**")
        settled(page)
        assert page.get_by_role("radio", name="CEM", exact=True).get_attribute("aria-checked") == "true"
        assert page.get_by_text("--planner cem").is_visible()

    def test_play_reset_and_click(self, visit):
        page = visit("plan")
        plot = page.locator(".js-plotly-plot").first
        plot.locator(".updatemenu-button", has_text="Reset").click()
        plot.get_by_text("Iteration 0", exact=True).wait_for(state="attached")
        plot.locator(".updatemenu-button", has_text="Play").click()
        plot.get_by_text("Iteration 300", exact=True).wait_for(state="attached")
        area = plot.locator(".nsewdrag").first.bounding_box()
        page.mouse.click(area["x"] + 0.7 * area["width"], area["y"] + 0.7 * area["height"])
        page.wait_for_url("**goal_x=**")
        assert 35 < number_in(page.url, "goal_x") < 56  # of the 65 px of the wall's world
        page.get_by_text("moved by hand").wait_for()
