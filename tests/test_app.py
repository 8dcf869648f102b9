"""The app, in Streamlit's own test runner and in a real browser."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import replace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from lab.files import ROOT
from lab.models import MODELS
from lab.planning import MODES, PLANNERS, SETTINGS, Settings
from lab.results import Result, save_result
from lab.tasks import TASKS

APP = ROOT / "app"


@pytest.fixture(scope="module")
def cache(trained, tmp_path_factory):
    """A cache that holds a tiny model of every kind."""
    root = tmp_path_factory.mktemp("app")
    for task in TASKS:
        for method in MODELS:
            shutil.copytree(trained(task, method), root / "models" / task / method / "seed0")
    return root


@pytest.fixture
def app(cache, monkeypatch, tmp_path):
    """``app(**url)``: the app, run once with quick planners."""
    monkeypatch.setenv("LAB_CACHE", str(cache))
    monkeypatch.setattr("lab.models.checkpoint.SHIPPED", tmp_path)
    monkeypatch.syspath_prepend(str(APP))
    for task, settings in SETTINGS.items():
        monkeypatch.setitem(SETTINGS, task, _quick(settings))

    def run(**url: str) -> AppTest:
        test = AppTest.from_file(str(APP / "main.py"), default_timeout=120)
        for key, value in url.items():
            test.query_params[key] = value
        return test.run()

    return run


def _quick(settings: Settings) -> Settings:
    return replace(
        settings,
        gd=replace(settings.gd, iterations=4),
        adam=replace(settings.adam, iterations=4),
        cem=replace(settings.cem, iterations=2, samples=10, elites=3),
        replan_iterations=2,
    )


def chosen(test: AppTest) -> dict[str, str]:
    return {key: test.segmented_control(key=key).value for key in ("task", "model", "planner", "goals", "mode")}


def address(test: AppTest) -> dict[str, str]:
    return {key: value if isinstance(value, str) else value[-1] for key, value in test.query_params.items()}


def healthy(test: AppTest) -> bool:
    """A verdict, two charts, three numbers, and nothing wrong."""
    assert not test.exception and not test.error
    assert len(test.success) + len(test.warning) == 1
    assert len(test.get("plotly_chart")) == 2 and len(test.metric) == 3
    return True


class TestLivePlanning:
    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize("task", TASKS)
    def test_every_task_and_model(self, app, task, model):
        test = app(task=task, model=model)
        assert healthy(test)
        assert chosen(test)["task"] == task and chosen(test)["model"] == model
        (command,) = test.code
        assert f"--task {task} --model {model} " in command.value

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("planner", PLANNERS)
    def test_every_planner_and_mode(self, app, planner, mode):
        test = app(planner=planner, mode=mode)
        assert healthy(test)
        assert len(test.slider) == (mode == "mpc")  # which replan to show

    def test_opens_on_a_picture(self, app):
        test = app()
        assert healthy(test)
        assert not test.info and not address(test)

    def test_address_is_honoured_and_kept(self, app):
        url = {"task": "point_maze", "model": "control", "planner": "cem", "goals": "random", "mode": "mpc"}
        test = app(**url, problem="7", replan="3")
        assert healthy(test) and chosen(test) == url
        assert test.number_input(key="problem").value == 7 and test.slider(key="replan").value == 3
        assert url.items() <= address(test).items()

    def test_choices_go_to_the_address(self, app):
        test = app()
        test.segmented_control(key="planner").set_value("cem").run()
        assert healthy(test) and address(test)["planner"] == "cem"
        test.segmented_control(key="planner").set_value("adam").run()
        assert "planner" not in address(test)

    def test_back_in_the_browser(self, app):
        test = app(task="point_maze")
        test.segmented_control(key="task").set_value("push_t").run()
        test.query_params["task"] = "point_maze"
        assert chosen(test.run())["task"] == "point_maze"
        del test.query_params["task"]
        assert chosen(test.run())["task"] == "wall"

    @pytest.mark.parametrize(
        "url",
        [
            {"task": "chess"}, {"model": "../../etc/passwd"}, {"planner": "PPO"}, {"goals": "x" * 1000}, {"mode": ""},
            {"click": "here"}, {"replan": "0"}, {"problem": "999"}, {"problem": "-1"}, {"problem": "one"},
            {"task": "push_t", "goals": "random"}, {"start_x": "nan"}, {"goal_y": "1e9"}, {"goal_block_x": "100"},
        ],
    )  # fmt: skip
    def test_bad_address(self, app, url):
        test = app(**url)
        assert healthy(test)
        assert len(test.info) == 1 and "The address asks for" in test.info[0].value
        assert len(test.info[0].value) < 300

    def test_moved_by_hand(self, app):
        test = app(goal_x="50", goal_y="50")
        assert healthy(test) and not test.code
        assert test.number_input(key="goal_x").value == 50
        assert "share" in "".join(caption.value for caption in test.caption)
        test.button[0].click().run()  # put both back
        assert healthy(test) and test.code and test.number_input(key="goal_x").value is None

    def test_another_task_forgets_what_was_moved(self, app):
        test = app(start_x="10")
        test.segmented_control(key="task").set_value("point_maze").run()
        assert healthy(test) and test.number_input(key="start_x").value is None

    def test_missing_model(self, app, monkeypatch, tmp_path, cache):
        shutil.copytree(cache / "models" / "wall" / "base", tmp_path / "models" / "wall" / "base")
        monkeypatch.setenv("LAB_CACHE", str(tmp_path))
        test = app(model="online")
        assert not test.exception and "python -m lab train --task wall --method online" in test.error[0].value
        test.button[-1].click().run()  # use the base model
        assert healthy(test) and chosen(test)["model"] == "base"

    def test_no_model_at_all(self, app, monkeypatch, tmp_path):
        monkeypatch.setenv("LAB_CACHE", str(tmp_path))
        test = app()
        assert not test.exception and "python -m lab train" in test.error[0].value and "yet" in test.info[0].value

    def test_broken_model(self, app, monkeypatch, tmp_path, cache):
        shutil.copytree(cache / "models" / "wall", tmp_path / "models" / "wall")
        (tmp_path / "models" / "wall" / "online" / "seed0" / "model.safetensors").write_bytes(b"no")
        monkeypatch.setenv("LAB_CACHE", str(tmp_path))
        test = app(model="online")
        assert not test.exception and "not a readable safetensors file" in test.error[0].value


class TestResults:
    @pytest.fixture
    def figures(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(str(APP))
        import cached

        monkeypatch.setattr(cached, "FIGURES", tmp_path / "figures")
        return tmp_path / "figures"

    def test_nothing_yet(self, app, figures):
        test = app().switch_page("views/results.py").run()
        assert not test.exception and "no results yet" in test.info[0].value
        assert test.code[0].value == "python -m lab reproduce --preset quick"

    def test_table_protocol_and_command(self, app, figures):
        table = pd.DataFrame({"model": ["base"], "rate": [0.5], "low": [0.4], "high": [0.6]})
        meta = {"config": {"task": "wall", "preset": "quick"}, "protocols": [{"text": "50 problems"}]}
        save_result(Result({"success": table}, meta), figures / "quick" / "table1_success" / "wall")
        test = app().switch_page("views/results.py").run()
        assert not test.exception and test.dataframe[0].value.equals(table)
        assert "50 problems" in "".join(text.value for text in test.markdown)
        assert test.code[0].value.endswith("reproduce --preset quick --only table1_success --task wall")
        test.segmented_control(key="task").set_value("push_t").run()
        assert not test.exception and "not there for PushT yet, but for Wall" in test.info[0].value

    def test_bad_address(self, app, figures):
        meta = {"config": {"task": "wall", "preset": "quick"}}
        save_result(Result({"success": pd.DataFrame({"a": [1]})}, meta), figures / "quick" / "fig4_gap" / "wall")
        test = app().switch_page("views/results.py")
        test.query_params["experiment"] = "../../secret"
        assert "does not exist here" in test.run().info[0].value and test.dataframe

    def test_broken_table(self, app, figures):
        folder = figures / "quick" / "table1_success" / "wall"
        meta = {"config": {"task": "wall", "preset": "quick"}}
        save_result(Result({"success": pd.DataFrame({"a": [1]})}, meta), folder)
        (folder / "success.csv").unlink()
        test = app().switch_page("views/results.py").run()
        assert not test.exception and "make them again" in test.error[0].value

    def test_choice_survives_the_page_switch(self, app, figures):
        test = app(task="push_t").switch_page("views/results.py").run()
        assert chosen(test.switch_page("views/plan.py").run())["task"] == "push_t"


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
PATIENCE = 120_000  #: ms


@pytest.fixture(scope="module")
def server(cache):
    """The address of the app, served as users would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app/main.py",
        "--server.headless=true",
        f"--server.port={port}",
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"LAB_CACHE": str(cache), "OMP_NUM_THREADS": "1"}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(f"http://localhost:{port}/_stcore/health", process)
        yield f"http://localhost:{port}/"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    for _ in range(PATIENCE // 500):
        assert process.poll() is None, "the server ended"
        with suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.5)
    raise AssertionError("the server did not answer")


@pytest.fixture(scope="module")
def browser():
    """A browser session; its cache makes all visits but the first warm."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as api:
        chromium = api.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium.new_context()
        chromium.close()


@pytest.fixture
def visit(server, browser):
    """``visit(query, width, scheme)``: a page once it shows its pictures; fails on anything in the console."""
    troubles, pages = [], []

    def open_page(query: str = "", width: int = 1280, scheme: str = "light"):
        page = browser.new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.set_viewport_size({"width": width, "height": 1500})
        page.emulate_media(color_scheme=scheme)
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("requestfailed", lambda request: troubles.append(request.url))
        page.goto(server + query, wait_until="commit")
        settled(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not troubles


def settled(page) -> None:
    page.locator("[data-testid='stPlotlyChart'] .scatterlayer .trace").nth(5).wait_for(state="attached")
    page.locator("[data-testid='stApp'][data-test-script-state='notRunning']").wait_for()


NAMELESS = """all => all.filter(e => e.offsetParent && !(e.alt || e.ariaLabel || e.title || e.innerText.trim()))
                       .map(e => e.outerHTML.slice(0, 200))"""


class TestBrowser:
    @pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "dark")])
    def test_opens_on_a_picture(self, visit, tmp_path, width, scheme):
        page = visit(width=width, scheme=scheme)
        assert page.get_by_text("success radii").first.is_visible()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        background = page.locator("[data-testid='stApp']").evaluate("e => getComputedStyle(e).backgroundColor")
        light = sum(int(number) for number in re.findall(r"\d+", background)[:3]) > 380
        assert light == (scheme == "light")
        assert page.locator("img, button, [role=img]").evaluate_all(NAMELESS) == []
        assert len(page.screenshot(path=tmp_path / f"{scheme}-{width}.png")) > 30_000

    def test_planner_by_keyboard(self, visit):
        page = visit()
        page.get_by_role("radio", name="Adam", exact=True).focus()
        page.keyboard.press("ArrowRight")
        if "planner=cem" not in page.url:
            page.keyboard.press("Enter")
        page.wait_for_url("**planner=cem**")
        settled(page)
        assert page.get_by_role("radio", name="CEM", exact=True).get_attribute("aria-checked") == "true"
        assert page.get_by_text("--planner cem").is_visible()

    def test_play_reset_and_click(self, visit):
        page = visit()
        plot = page.locator(".js-plotly-plot").first
        plot.locator(".updatemenu-button", has_text="Reset").click()
        plot.get_by_text("Iteration 0", exact=True).wait_for(state="attached")
        plot.locator(".updatemenu-button", has_text="Play").click()
        plot.get_by_text("Iteration 300", exact=True).wait_for(state="attached")
        area = plot.locator(".nsewdrag").first.bounding_box()
        page.mouse.click(area["x"] + 0.7 * area["width"], area["y"] + 0.7 * area["height"])
        page.wait_for_url("**goal_x=**")
        assert 35 < float(re.search(r"goal_x=([\d.]+)", page.url)[1]) < 56  # of the 65 px of the wall's world
        page.get_by_text("moved by hand").wait_for()
