"""What the README of each folder promises can be typed, and its links lead somewhere."""

import json
import re
import shlex
import subprocess

import nbformat
import pandas as pd
import pytest

from lab import bench
from lab.benchmarks import card_of
from lab.cli import build_parser
from lab.files import MODELS, ROOT
from lab.plots.palette import LABELS
from lab.plots.words import MODES
from lab.repro import course, current, error_floor, planners, readme, short, speed
from lab.results import Result
from lab.studies.registry import STUDIES

PAGES = [path for name in ("", "app", "figures", "lab", "notebooks", ".github") for path in (ROOT / name).glob("*.md")]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [
    line.split("#")[0].split("; done")[0]
    for page in PAGES
    for line in page.read_text("utf-8").splitlines()
    if "python -m lab " in line and "`" not in line
]


def test_the_two_commands_are_single_lines():
    first, second = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert first.endswith("python -m lab reproduce --preset quick") and second.endswith("python -m pytest")
    pattern = re.search(r"grep -E '(.*)' README\.md", (ROOT / ".ci" / "run").read_text("utf-8"))[1]
    assert re.findall(pattern, README, re.MULTILINE) == [second]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one(line):
    words = shlex.split(line[line.index("python -m lab ") :])[3:]
    words = [{"$task": "wall", "$method": "base", "$seed": "0"}.get(word, word) for word in words]
    if words != ["--help"]:
        assert build_parser().parse_args(words).run


def test_git_ignores_what_the_commands_write():
    texts = [path.read_text("utf-8") for path in [*PAGES, *(ROOT / "notebooks").glob("*.ipynb")]]
    names = {name for text in texts for name in re.findall(r"(?:--out|papermill \S+) ([^\s`]+)", text)}
    written = {name if "." in name else f"{name}/" for name in names}  # files, and folders
    done = subprocess.run(["git", "check-ignore", *written], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert len(written) >= 3 and set(done.stdout.split()) == written, done.stderr


def test_every_requirement_is_pinned():
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    first, *pins = (line for line in lines if not line.startswith("#"))
    assert first == "-e ." and "torch==2.13.0" in pins
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in pins)


def test_it_is_one_screen_of_story():
    assert len(README.splitlines()) <= 150


def test_the_course_has_every_notebook():
    text = course.COURSE.read_text("utf-8")
    assert course.put(text) == text, "run python -m lab.repro.readme"
    linked = re.findall(r"\]\((\w+)\.ipynb\)", text)
    assert sorted(linked) == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_a_notebook_says_where_it_stands_and_what_comes_next(study):
    path = ROOT / "notebooks" / f"{study.name}.ipynb"
    written = nbformat.read(path, as_version=4)
    assert course.signed(nbformat.read(path, as_version=4), study) == written, "run python -m lab.repro.readme"
    assert course.where(study) in written.cells[0].source and written.cells[-1].source == course.what_next(study)


def test_the_course_leads_from_the_first_notebook_to_the_last():
    path = course.ordered()
    assert {study.part for study in path} == set(course.PARTS)
    following = [re.findall(r"\((\w+)\.ipynb\)", course.what_next(study)) for study in path]
    assert following == [[study.name] for study in path[1:]] + [[]]


def test_the_shipped_world_models_took_as_long_as_is_said():
    pages = [path.read_text("utf-8") for path in (ROOT / "lab" / "checkpoints").rglob("*.json")]
    seconds = [json.loads(page).get("wall_seconds", 0) for page in pages]
    said = "took 66 minutes"
    assert said in (ROOT / "lab" / "README.md").read_text("utf-8") and 60 < sum(seconds) / 60 < 72


def test_the_apps_pages_are_told():
    told = (ROOT / "app" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \|", told.split("## Pages")[1].split("##")[0], re.MULTILINE)
    titles = re.findall(r'View\(\s*"\w+", "([^"]+)"', (ROOT / "app" / "pages.py").read_text("utf-8"))
    assert rows[2:] == titles and len(titles) > 5


def test_the_example_runs(capsys):
    (example,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    lines = example.splitlines()
    assert len(lines) <= 15 + 2  # blank ones
    exec(compile(example.replace("n=50", "n=4"), "README.md", "exec"), {})
    assert re.fullmatch(r"(\w+: \d+% \[\d+%, \d+%\] of the goals reached\n){3}", capsys.readouterr().out)


def test_the_results_are_the_committed_ones():
    committed = readme.results()
    assert readme.PAGE.read_text("utf-8") == readme.page(committed), "run python -m lab.repro.readme"
    rows = readme.seven_rows(committed)
    assert rows in README and len(rows.splitlines()) == 2 + 7 + 2 + 2 * bool(current.sentence(committed)), (
        "run python -m lab.repro.readme"
    )


def test_every_planner_is_on_the_front_page():
    head, *rows = planners.rows(readme.results())
    assert all(f"| {' | '.join(row)} |" in README for row in (head, *rows)), "run python -m lab.repro.readme"
    assert len(rows) == len(MODES) * len(planners.PLANNERS) and all(len(row) == len(head) for row in rows)


def test_what_is_better_than_cem_is_bold_and_what_is_as_good_italic():
    committed = readme.results()
    _, *rows = planners.rows(committed)
    marked = [cell for mode, planner, *cells in rows if planner != LABELS["cem"] for cell in cells]
    minus_cem = [topic.rows(committed) for topic in short.topics() if "minus CEM" in topic.subject]
    lows = pd.concat([rows[~rows.case.str.contains("GD")] for rows in minus_cem]).low
    assert len(lows) == len(marked)
    assert sum(cell.startswith("**") for cell in marked) == (lows > 1e-9).sum()
    assert sum(re.match(r"\*\d", cell) is not None for cell in marked) == ((lows <= 1e-9) & (lows > -0.05)).sum()


def test_no_row_of_speeds_is_lost(tmp_path, monkeypatch):
    rows = [
        bench.Row(what, "plan", 20.0, 10.0, peer, ceiling=0.5)
        for what, peer in (("Adam", 1.0), ("Adam, one problem", 2.0), ("Adam, one problem, JAX", None))
    ]
    bench.keep(bench.as_rows(rows), tmp_path / "bench" / "planners", "torch")
    monkeypatch.setattr(speed, "FOLDER", tmp_path / "bench")
    assert [line.split("|")[1].strip() for line in speed.section().splitlines()[4:]] == [row.what for row in rows]


def test_the_speeds_are_the_committed_ones():
    tables = speed.section()
    assert tables in readme.LIBRARY.read_text("utf-8"), "run python -m lab.repro.readme"
    assert "push_t: simulate, gym-pusht" in tables and "commit" in tables


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def test_tables_of_other_runs_than_table_1s_are_named():
    shipped = current._shipped("wall")
    table1, other = (Result({}, {"models": {"base/seed0": shipped, "base/seed1": name}}) for name in ("a", "b"))
    committed = {"wall": {"table1_success": table1, "starts": other, "power": table1}, "rope": {"robotics": other}}
    assert current.retrained(committed) == {"wall": ["starts"]}
    assert "but of another run of the same recipe: Wall (starts)." in current.sentence(committed)


def test_tables_of_former_settings_are_named():
    adam = {"planners": {"adam": {"lr": 0.5}}}
    table = pd.DataFrame({"planner": ["adam"]})
    present = {"planners": {"adam": card_of("wall").settings.described("adam")}}
    results = {name: Result({"a": table}, adam) for name in ("fig3_efficiency", "power", "tuning")}
    results |= {"fig4_gap": Result({"a": table}, present), "fig2_landscape": Result({"a": table[[]]}, adam)}
    assert current.replanned({"wall": results}) == {"wall": ["fig3_efficiency"]}


def test_the_error_floor_is_the_last_error_along_the_expert_over_the_loss_at_the_boundary():
    columns = ["model", "goals", "planner", "step", "mean", "low", "high"]
    last = [(model, "dataset", "expert", 2, 0.3, 0.2, 0.4) for model in MODELS]
    others = [("base", "dataset", "expert", 1, 9, 9, 9), ("base", "dataset", "adam", 2, 9, 9, 9)]
    errors = Result({"errors": pd.DataFrame(last + others, columns=columns)}, {})
    floors = error_floor.rows({"wall": errors}, {"wall": Result({}, {"boundary": [0.5, 0.7]})})
    assert list(floors) == [["model", "Wall"], *([LABELS[model], "0.50 [0.33, 0.67]"] for model in MODELS)]
