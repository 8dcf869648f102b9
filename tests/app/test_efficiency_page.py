"""Efficiency, in Streamlit's own test runner and in a real browser."""

import time

import pytest
from harness import address, commands, settled, whole

import lab.studies.fig3_efficiency.live as live
from lab.errors import LabError
from lab.files import ROOT
from lab.plots.palette import LABELS
from lab.results import load_result


def runs():
    """The app's own module, which is there once the app is."""
    import runs

    return runs


@pytest.fixture
def launched(monkeypatch):
    """Commands that were started; none of them runs."""
    commands = {}
    monkeypatch.setattr(
        "lab.repro.processes.Processes.start", lambda self, name, command, owner: commands.update({name: command})
    )
    return commands


def test_opens_on_the_largest_result(app):
    test = app("efficiency")
    assert whole(test) and not address(test)
    assert len(test.get("plotly_chart")) == 2 and len(test.table) == 1
    assert "Every planner" in [header.value for header in test.subheader]
    assert commands(test)[1].endswith("--only planners --task wall")
    assert "Preset full" in "".join(text.value for text in test.caption)
    assert commands(test)[0].endswith("--preset full --only fig3_efficiency --task wall")
    assert len(test.table[0].value) == 10  # GD, Adam from one start, 8, in a race, from the network; on two models


def test_address_is_honoured_and_kept(app):
    url = {
        "task": "push_t",
        "clock": "single",
        "models": "base,control,online",
        "planners": "adam,cem",
        "problems": "5",
    }
    test = app("efficiency", **url)
    assert whole(test) and not test.info and address(test) == url
    assert len(test.table[0].value) == 3  # Adam on three models
    assert "one plan made alone" in test.get("plotly_chart")[0].proto.spec


@pytest.mark.parametrize(
    "url", [{"clock": "noon"}, {"models": "base,gan"}, {"planners": "cem,cem"}, {"problems": "1000"}, {"task": "chess"}]
)
def test_bad_address(app, url):
    test = app("efficiency", **url)
    assert whole(test) and "The address asks for" in test.info[0].value


def test_nothing_chosen(app):
    test = app("efficiency", models="")
    assert whole(test) and "at least one model" in test.info[0].value


def test_nothing_kept(app, monkeypatch, tmp_path):
    app()  # makes the app's modules known
    monkeypatch.setattr("cached.FIGURES", tmp_path)
    test = app("efficiency")
    assert whole(test) and "No result is kept for Wall yet" in test.info[0].value
    assert commands(test)[0] == "python -m lab reproduce --only fig3_efficiency --task wall"


def test_start(app, launched):
    test = app("efficiency", problems="5", task="point_maze")
    button(test, "Measure on this machine").click().run()
    assert whole(test)
    assert launched == {"efficiency point_maze-5": live.command("point_maze", 5, "small")}


def test_too_many_runs(app, monkeypatch):
    def refuse(*_, **__):
        raise LabError("2 background runs are under way")

    monkeypatch.setattr("lab.repro.processes.Processes.start", refuse)
    test = app("efficiency")
    button(test, "Measure on this machine").click().run()
    assert whole(test) and "2 background runs" in test.warning[0].value


def test_progress_then_result_then_cancelled(app, cache):
    """The measurement as it comes: a real one, cut down to the cases that one wants to see."""
    config = live.FirstProblems(task="wall", problems=2, device="cpu")
    seen = []
    test = app("efficiency", problems="5")
    folder = live.live_folder("wall", 5, "small")

    def keep(result, where):
        seen.append(result)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "save_result", keep)
        live.measure(config, folder)
    live.save_result(seen[0], folder)
    status = runs().Status(running=True, stopped=False, seconds=seen[0].meta["progress"]["seconds"], last="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lab.repro.processes.Processes.status", lambda self, name: status)
        test.run()
        assert whole(test) and len(test.get("plotly_chart")) == 3
        assert "left" in test.get("progress")[0].proto.text and button(test, "Cancel")
        live.save_result(seen[-1], folder)
        status = runs().Status(running=False, stopped=True, seconds=9, last="")
        test.run()
        assert whole(test) and "Cancelled" in "".join(text.value for text in test.caption)
    live.save_result(seen[-1], folder)
    assert "load" in "".join(text.value for text in test.run().caption)


def button(test, label):
    return next(button for button in test.button if button.label == label)


class TestBrowser:
    def test_every_planner_is_named(self, visit):
        page = visit("efficiency", "?task=push_t", width=390)
        names = page.locator(".textpoint text").all_text_contents()
        kept = load_result(ROOT / "figures" / "reference" / "quick" / "planners" / "push_t").tables["planners"]
        assert sorted(name.strip() for name in names) == sorted({LABELS[planner] for planner in kept.planner})

    @pytest.mark.slow
    def test_measure_and_cancel_by_keyboard(self, visit):
        page = visit("efficiency", "?problems=5")
        page.get_by_role("button", name="Measure on this machine").focus()
        page.keyboard.press("Enter")
        cancel = page.get_by_role("button", name="Cancel")
        cancel.wait_for()
        page.get_by_text("timing single plans first").wait_for()
        time.sleep(1)  # it goes on by itself
        cancel.focus()
        page.keyboard.press("Enter")
        page.get_by_text("Cancelled").wait_for()
        settled(page)
        assert page.get_by_role("button", name="Measure on this machine").is_enabled()
