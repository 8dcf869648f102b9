"""The kept results, in Streamlit's own test runner and in a real browser."""

import pandas as pd
import pytest
from harness import APP, address, commands, settled, whole

from lab.benchmarks import CARDS
from lab.errors import LabError
from lab.files import SHIPPED
from lab.leaderboard.table import SUBMIT, leaderboard
from lab.results import Result, load_result, save_result
from lab.studies.common.stored import REFERENCE, preset_folder

QUICK = preset_folder("quick", REFERENCE)


@pytest.fixture
def figures(tmp_path, monkeypatch):
    """An empty folder of results."""
    monkeypatch.syspath_prepend(str(APP))
    import cached

    monkeypatch.setattr(cached, "FIGURES", tmp_path / "figures")
    return tmp_path / "figures"


@pytest.fixture
def table1(figures):
    """Table 1 of Wall alone."""
    folder = figures / "quick" / "table1_success" / "wall"
    save_result(load_result(QUICK / "table1_success" / "wall"), folder)
    return folder


def button(test, label):
    return next(button for button in test.button if button.label == label)


class TestFigures:
    def test_nothing_yet(self, app, figures):
        test = app("results")
        assert whole(test) and "no results yet" in test.info[0].value
        import cached

        with pytest.raises(LabError, match="just being replaced"):  # one that is gone since the page has listed it
            cached.result(figures)
        assert commands(test)[0] == "python -m lab reproduce --preset quick"
        assert [control.key for control in test.segmented_control] == ["view"]  # which leads to the leaderboard

    @pytest.mark.parametrize("experiment", ["table1_success", "fig2_landscape", "fig3_efficiency", "fig4_gap"])
    def test_every_experiment(self, app, experiment):
        test = app("results", experiment=experiment, preset="quick", task="push_t")
        assert whole(test) and not test.info and len(test.get("plotly_chart")) == 1
        tables = load_result(QUICK / experiment / "push_t").tables
        assert [len(table.value) for table in test.dataframe][-len(tables) :] == [len(t) for t in tables.values()]
        assert len(test.get("download_button")) == 3 + len(tables)  # PNG, PDF, HTML and each CSV
        assert any("findings here on the paper’s claims" in text.value for text in test.markdown)
        line = f"--preset quick --only {experiment} --task push_t"
        assert commands(test)[0] == f"python -m lab reproduce {line}"
        assert any(text.value.startswith("**Protocol.** ") for text in test.markdown)
        assert any(text.value.startswith("Made at commit ") for text in test.caption)

    @pytest.mark.parametrize(("experiment", "seeds"), [("table1_success", "1 or 3"), ("fig3_efficiency", "1")])
    def test_seeds_are_those_of_the_tables(self, app, experiment, seeds):
        test = app("results", experiment=experiment, preset="full", task="wall")
        (made,) = (text.value for text in test.caption if text.value.startswith("Made at commit "))
        assert f"; training seeds averaged: {seeds}; torch" in made

    def test_one_that_is_not_there(self, app, table1):
        test = app("results", task="push_t")
        assert whole(test) and "not there for PushT yet, but for Wall" in test.info[0].value

    def test_the_leaderboard(self, app, monkeypatch):
        monkeypatch.setattr(CARDS, "registered", {})  # entries are of the real cards' planners, beside the real models
        monkeypatch.setattr("lab.files.SHIPPED", SHIPPED)
        test = app("results", view="board")
        assert whole(test) and len(test.dataframe[0].value) == len(leaderboard())
        assert commands(test) == [SUBMIT]

    @pytest.mark.parametrize("url", [{"experiment": "../../secret"}, {"preset": "huge"}, {"view": "x"}])
    def test_bad_address(self, app, table1, url):
        test = app("results", **url)
        assert whole(test) and "which is not there" in test.info[0].value and test.dataframe

    def test_a_broken_table(self, app, table1):
        (table1 / "success.csv").unlink()
        test = app("results")
        assert not test.exception and "make the tables again" in test.error[0].value

    def test_a_result_of_another_version(self, app, figures):
        meta = {"config": {"task": "wall", "preset": "quick"}}
        save_result(Result({"success": pd.DataFrame({"a": [1]})}, meta), figures / "quick" / "table1_success" / "wall")
        test = app("results")
        assert not test.exception and "not those of this version" in test.error[0].value

    def test_choice_survives_the_page_switch(self, app, table1):
        test = app("plan", task="push_t").switch_page("views/results.py").run()
        assert test.switch_page("views/plan.py").run().segmented_control(key="task").value == "push_t"


class TestPairs:
    def test_counts_and_difference(self, app):
        test = app("results", view="pairs", preset="quick")
        assert whole(test) and not test.info
        pairs = load_result(QUICK / "table1_success" / "wall").tables["pairs"]
        pairs = pairs[(pairs.goals == "dataset") & (pairs["mode"] == "open") & (pairs.planner == "adam")]
        ours, theirs = (pairs[pairs.model == model].success.to_numpy() for model in ("adversarial", "base"))
        assert [metric.value for metric in test.metric][:3] == [
            f"{ours.mean():.1%}", f"{theirs.mean():.1%}", f"{100 * (ours.mean() - theirs.mean()):+.1f}",
        ]  # fmt: skip
        alt = test.get("plotly_chart")[0].proto.alt
        assert f"won: {((ours == 1) & (theirs == 0)).sum()}, lost: {((ours == 0) & (theirs == 1)).sum()}" in alt

    def test_address_is_honoured_and_kept(self, app):
        url = {"view": "pairs", "preset": "quick", "task": "point_maze", "goals": "random", "mode": "mpc",
               "first_model": "online", "first_planner": "gd", "second_model": "control", "second_planner": "gd",
               "pick": "31"}  # fmt: skip
        test = app("results", **url)
        assert whole(test) and not test.info and address(test) == url
        assert test.selectbox(key="pick").value == 31
        command = "--task point_maze --model control --planner gd --goals random --mpc --problems 50 --problem 31"
        assert commands(test)[1] == f"python -m lab plan {command}"

    @pytest.mark.parametrize("url", [{"first_model": "gan"}, {"second_planner": "x"}, {"pick": "50"}, {"pick": "-1"}])
    def test_bad_address(self, app, url):
        test = app("results", view="pairs", preset="quick", **url)
        assert whole(test) and "The address asks for" in test.info[0].value

    def test_watch_leads_to_the_same_problem(self, app):
        test = app("results", view="pairs", preset="quick", goals="random", pick="7", start_x="3")
        button(test, "Watch both plan for it in Live planning").click().run()
        assert whole(test) and test.title[0].value == "Live planning"
        assert address(test)["problem"] == "7" and address(test)["goals"] == "random"
        assert test.segmented_control(key="model").value == "adversarial"
        assert test.number_input(key="start_x").value is None

    def test_a_problem_that_live_planning_has_under_no_number(self, app):
        test = app("results", view="pairs", preset="full", goals="random", pick="217")
        assert whole(test)
        button(test, "Watch both plan for it in Live planning").click().run()
        assert whole(test) and {"start_x", "start_y", "goal_x", "goal_y"} <= set(address(test))

    def test_a_problem_that_cannot_be_set_by_hand(self, app):
        test = app("results", view="pairs", preset="full", task="point_maze", pick="217")
        assert whole(test) and "Watch" not in "".join(button.label for button in test.button)
        assert "--problem 217" in commands(test)[0]


class TestBrowser:
    def test_click_a_problem_and_watch_it(self, visit):
        page = visit("results", "?view=pairs&preset=quick")
        plot = page.locator(".js-plotly-plot").first
        plot.locator(".points path").nth(2).click(force=True)
        page.wait_for_url("**pick=**")
        settled(page)
        page.get_by_role("button", name="Watch both plan").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/plan**")
        settled(page)
        assert page.get_by_role("heading", name="Live planning").is_visible()
