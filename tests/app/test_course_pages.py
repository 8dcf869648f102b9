"""The course as static pages: everything is beside them, questions answer, figures are interactive, links lead on."""

import re
import shutil
from urllib.parse import unquote

import nbformat
import plotly.graph_objects as go
import pytest
from harness import files_served
from ipywidgets import IntSlider
from matplotlib.figure import Figure

from lab import cli
from lab.errors import LabError
from lab.plots.ask import Lesson
from lab.plots.cells import Moved, bundle
from lab.repro import pages
from lab.repro.pages import export, write
from lab.repro.reproduce import graph
from lab.studies.registry import FOLDER, STUDIES


def pictured(n: int = 1) -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, n])
    return figure


@pytest.fixture(scope="module")
def executed():
    """A notebook with an output of each kind, as a kernel would leave it."""
    moved = Moved(pictured, n=IntSlider(value=1, min=1, max=3))
    asked = Lesson("overview").ask("Which?", {"this one": True, "that one": False}, "This one.", moved.picture.value)
    outputs = [{"text/html": asked.data}, bundle(go.Figure(go.Scatter(y=[1, 2]))), moved._repr_mimebundle_()]
    cells = [nbformat.v4.new_markdown_cell("# A title\n\nIt is $\\hat z=f_\\theta(z)$, `$not_this$`.\n\n$$a_1$$")]
    cells += [
        nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("display_data", data)]) for data in outputs
    ]
    cells[1].outputs.append(nbformat.v4.new_output("stream", text="what the question tells"))
    cells.insert(2, nbformat.v4.new_markdown_cell("The same, to hover over:"))
    cells.append(nbformat.v4.new_markdown_cell("*Next: [by_hand](by_hand.ipynb)*, of [the course](README.md)."))
    return nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {"something": {}}})


@pytest.fixture(scope="module")
def folder(executed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    nbformat.write(executed, folder / "overview.ipynb")
    write(folder / "pages", {"overview": folder / "overview.ipynb"}, dict.fromkeys(STUDIES, "it takes long"))
    return folder / "pages"


def test_there_is_a_page_for_each_notebook_and_all_that_they_show(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {"index.html", "plotly.min.js", *(f"{name}.html" for name in STUDIES)}
    assert "Not executed here: it takes long." in (folder / "tasks.html").read_text("utf-8")


@pytest.mark.parametrize("name", ["index", *STUDIES])
def test_every_formula_and_link_of_the_course_has_its_place(name, folder):
    html = (folder / f"{name}.html").read_text("utf-8")
    body = html[html.index("<body") :]
    assert 'src="http' not in html and "import mermaid" not in html
    assert "$$" not in body
    for link in re.findall(r'<a [^>]*?href="([^"]*)"', body):
        target, _, mark = unquote(link).partition("#")
        if not target.startswith("https://"):
            assert not target or (folder / target).is_file(), link
            assert not mark or f'id="{mark}"' in (folder / (target or f"{name}.html")).read_text("utf-8"), link


# --- Running the notebooks for it


@pytest.mark.slow
@pytest.mark.parametrize("done", [(), ("rollouts",)])
def test_the_command_runs_what_it_is_told_and_labels_what_it_left_out_or_failed(
    done, tmp_path, monkeypatch, capsys, kernels_at_once
):
    copies, out = shutil.copytree(FOLDER, tmp_path / "notebooks"), str(tmp_path / "figures")
    monkeypatch.setattr(pages, "graph", lambda preset, names, tasks, _: graph(preset, names, tasks, out, folder=copies))
    broken = copies / "tasks.ipynb"
    broken.write_text(broken.read_text("utf-8").replace("check_parameters()", "1 / 0"), "utf-8")
    words = ["course", str(tmp_path / "course"), "--preset", "smoke", "--only", *done, "tasks"]
    assert cli.main(words) == 1
    said = capsys.readouterr().out
    assert f"{len(done)} done, 0 up to date, 1 failed" in said and "tasks: ZeroDivisionError" in said
    shown = {name: (tmp_path / "course" / f"{name}.html").read_text("utf-8") for name in STUDIES}
    for name in done:
        assert "Not executed" not in shown[name]
        assert "data:image/png;base64" in shown[name] and "js-plotly-plot" in shown[name]
    assert "Not executed here: it failed." in shown["tasks"]
    assert "Not executed here: it was left out." in shown["by_hand"]


def test_a_folder_that_cannot_be_written_is_found_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "run", lambda *_: pytest.fail("work began"))
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="Cannot write"):
        export(tmp_path / "file" / "course", "smoke", ["tasks"], str(tmp_path / "figures"))


def test_a_page_is_whole_in_a_browser(folder, browser):
    troubles, tab = [], browser.new_page()
    tab.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    with files_served(folder) as address:
        tab.on("request", lambda request: None if request.url.startswith(address) else troubles.append(request.url))
        tab.goto(f"{address}overview.html")
        figure = tab.locator(".js-plotly-plot .main-svg").first
        figure.wait_for(state="attached")
        assert tab.locator("math").count() == 2 and tab.get_by_text("$not_this$").is_visible()
        assert tab.get_by_text("controls move this picture").is_visible()
        asked = tab.locator(".lab-ask")
        assert not asked.locator("img").is_visible() and not figure.is_visible()
        assert not tab.get_by_text("what the question tells").is_visible()
        tab.emulate_media(media="print")
        assert asked.locator("img").is_visible()
        tab.emulate_media(media="screen")
        asked.get_by_role("button", name="that one").click()
        assert asked.locator("img").is_visible() and figure.is_visible()
        assert tab.get_by_text("what the question tells").is_visible()
        assert "0 of 1" in asked.locator(".verdict").inner_text()
        tab.get_by_role("link", name="by_hand").click()
        tab.get_by_role("heading", name="By hand").first.wait_for()
        tab.get_by_role("link", name="the course").first.click()
        tab.get_by_role("heading", name="The course").first.wait_for()
    tab.close()
    assert [trouble for trouble in troubles if not trouble.startswith("data:")] == []


def test_the_first_guess_at_a_question_counts(browser):
    lesson, restarted = Lesson("overview"), Lesson("overview")
    choices = {"this one": True, "that one": False}
    asked = [lesson.ask('Which "a"?', choices, ""), lesson.ask('Which "a"?', choices, "")]  # its cell, run again
    tab = browser.new_page()
    tab.set_content("".join(html.data for html in [*asked, restarted.ask("Which b?", choices, "")]))
    boxes = tab.locator(".lab-ask")
    guesses = [("that one", "Not so", "0 of 1"), ("this one", "Right", "0 of 1"), ("this one", "Right", "1 of 2")]
    for i, (guess, verdict, score) in enumerate(guesses):
        boxes.nth(i).get_by_role("button", name=guess).click()
        told = boxes.nth(i).locator(".verdict").inner_text()
        assert told.startswith(verdict) and score in told
    tab.close()
