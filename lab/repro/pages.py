"""The course as static pages: executed notebooks that can be read on the web, or offline, without Python.

Plotly lies beside the pages, and formulas are MathML, so nothing is loaded from elsewhere. What needs a kernel, the
pictures that controls move, stays as it was drawn.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from plotly.offline import get_plotlyjs

from lab.errors import LabError
from lab.files import replacing, writable
from lab.plots.cells import WIDGET
from lab.repro.course import COURSE, ordered
from lab.repro.executors import default_jobs, local
from lab.repro.reproduce import Report, graph, make_folders, run, summary, usual
from lab.studies.registry import FOLDER, STUDIES

TASKS = ("wall", "rope")  #: one for each kind of matter
PLOTLY = "plotly.min.js"
CDN = re.compile(r'<script[^>]*src="https://cdn\.plot\.ly/[^>]*></script>')
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL)
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!http|#)([^)]+)\)")
CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
TEMPLATE = """{% extends 'index.html.j2' %}
{% block html_head_js %}<link rel="icon" href="data:,"><script src="plotly.min.js"></script>{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block html_head_css %}<style>
main { max-width: 72rem; margin: 0 auto; }
.jp-RenderedText pre { white-space: pre-wrap; word-break: normal; overflow-wrap: break-word; }
.jp-OutputArea-output { overflow-x: auto; }
math[display="block"] { margin: .6rem 0; overflow-x: auto; }
</style>{% endblock %}
"""


def export(folder: Path, preset: str = "quick", only: Sequence[str] = (), out: str = "figures") -> tuple[str, bool]:
    """Run the notebooks called ``only`` (default: the usual ones) where they are not up to date, and write all pages.

    Returns a summary, and whether all notebooks that were to run did. Raises LabError, before any work, where
    ``folder`` exists or cannot be written.
    """
    if folder.exists():
        raise LabError(f"{folder} exists already: name a new folder, or remove it first.")
    writable(folder.parent)
    steps = graph(preset, only or usual(preset), TASKS, out)[:-1]  # without the report
    make_folders(steps)
    jobs = min(default_jobs(), len(steps))
    with local(jobs) as submit:
        reports = run(steps, submit, jobs)
    left_out = {name: "it was left out" if only else "it takes long" for name in STUDIES}
    executed = {}
    for report in reports:
        if report.step.command[0] == "lab.repro.notebook":
            name, path = Path(report.step.command[1]).stem, Path(report.step.command[3])
            if reason := _trouble(report, path):
                left_out[name] = reason
            else:
                executed[name] = path
    write(folder, executed, left_out)
    return summary(reports), not any(report.error for report in reports)


def _trouble(report: Report, executed: Path) -> str:
    """Why a notebook that was to run has no ``executed`` copy; nothing if it has."""
    if report.error:
        return "it failed" if report.outcome == "failed" else "a step that it needs failed"
    return "" if executed.is_file() else "its executed copy was removed"


def write(folder: Path, executed: Mapping[str, Path], left_out: Mapping[str, str]) -> None:
    """Write a page for each notebook of the course to ``folder``, and its first page.

    ``executed`` are by name; ``left_out`` says why each of the others is not, in words that follow a colon.
    """
    front = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(COURSE.read_text("utf-8"))])
    notebooks = {"index": front}
    for name in (study.name for study in ordered()):
        notebooks[name] = nbformat.read(executed.get(name, FOLDER / f"{name}.ipynb"), as_version=4)
        if name not in executed:
            note = nbformat.v4.new_markdown_cell(f"**Not executed here: {left_out[name]}.**")
            notebooks[name].cells.insert(1, note)
    with replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / PLOTLY).write_text(get_plotlyjs(), "utf-8")
        for name, notebook in notebooks.items():
            for picture in _pictures(notebook):
                (temporary / picture.name).write_bytes(picture.read_bytes())
            (temporary / f"{name}.html").write_text(page(notebook), "utf-8")


def page(notebook: NotebookNode) -> str:
    """``notebook``, with the outputs that it has, as one HTML page that loads nothing but `PLOTLY`."""
    from nbconvert import HTMLExporter  # imported here: it takes a second

    notebook = still(notebook)
    html, _ = HTMLExporter(template_name="lab", raw_template=TEMPLATE).from_notebook_node(notebook)
    return CDN.sub("", html)


def still(notebook: NotebookNode) -> NotebookNode:
    """``notebook`` without what needs a kernel, with formulas as MathML, and with links between the pages."""
    cells = [_still(cell) for cell in notebook.cells]
    title = cells[0].source.partition("\n")[0].removeprefix("# ")
    return nbformat.v4.new_notebook(cells=cells, metadata={"title": title, "language_info": {"name": "python"}})


def _still(cell: NotebookNode) -> NotebookNode:
    if cell.cell_type == "markdown":
        parts = CODE.split(cell.source)
        prose = [part if i % 2 else LINK.sub(_link, FORMULA.sub(_mathml, part)) for i, part in enumerate(parts)]
        return nbformat.v4.new_markdown_cell("".join(prose))
    outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    for output in outputs:
        output.get("data", {}).pop(WIDGET, None)
    return nbformat.v4.new_code_cell(cell.source, outputs=outputs, execution_count=cell.execution_count)


def _mathml(found: re.Match[str]) -> str:
    from latex2mathml.converter import convert

    block = found[1] is not None
    return convert(" ".join((found[1] or found[2]).split()), display="block" if block else "inline")


def _link(found: re.Match[str]) -> str:
    """A link to another page or a picture; of a link elsewhere in the project, the text."""
    picture, text, target = found.groups()
    if picture:
        return f"![{text}]({Path(target).name})"
    if target.startswith("../"):
        return text
    return f"[{text}]({target.replace('README.md', 'index.html').replace('.ipynb', '.html')})"


def _pictures(notebook: NotebookNode) -> list[Path]:
    """The files of the pictures that the texts show."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [FOLDER / found[3] for text in texts for found in LINK.finditer(text) if found[1]]
