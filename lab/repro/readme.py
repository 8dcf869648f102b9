"""The results section of README.md, written from the committed results: ``python -m lab.repro.readme``."""

import pandas as pd

from lab.files import MODELS, ROOT, replacing
from lab.plots.style import LABELS
from lab.plots.words import interval, percent
from lab.results import Result
from lab.studies.common import claims, targets
from lab.studies.common.card import PAPER, ROBOTICS
from lab.studies.common.config import TASK_GOALS
from lab.studies.common.stored import REFERENCE, results_of
from lab.studies.recipe import study as recipe
from lab.studies.robotics import study as robotics
from lab.studies.starts import study as starts
from lab.studies.table1_success.study import NAME as TABLE1
from lab.tasks import TASKS

README = ROOT / "README.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
PRESET = "full"
PLANNERS = ("gd", "adam", "cem")


def section() -> str:
    """Success tables and the state of each claim, as Markdown between the two markers."""
    committed = {task: results_of(task, PRESET, REFERENCE) for task in PAPER}
    parts = [_table(task, found[TABLE1]) for task, found in committed.items() if TABLE1 in found]
    pushed = {task: results_of(task, PRESET, REFERENCE) for task in ROBOTICS}
    judged = [claims.verdicts(found) for found in (committed | pushed).values() if found]
    parts.append(_claims(pd.concat(judged, ignore_index=True)))
    begun = {task: found[starts.NAME] for task, found in committed.items() if starts.NAME in found}
    parts.append(_starts(begun))
    parts.append(_targets({task: targets.targets(found) for task, found in committed.items() if recipe.NAME in found}))
    parts += [_pushed(task, found[robotics.NAME]) for task, found in pushed.items() if robotics.NAME in found]
    return "\n\n".join([BEGIN, *parts, END])


def _table(task: str, result: Result) -> str:
    """Success in % with its 95% interval, a model a row, an evaluation and planner a column."""
    rates = result.tables["rates"]
    rates = rates[rates.criterion == "full"]
    cases = [(goals, mode) for goals in TASK_GOALS[task] for mode in ("open", "mpc")]
    lines = [f"### {LABELS[task]}", "", "Success in % [95% interval]."]
    lines += [f"{protocol['text']}" for protocol in result.meta["protocols"]]
    for goals, mode in cases:
        some = rates[(rates.goals == goals) & (rates["mode"] == mode)]
        seeds = int(some.seeds.max())
        lines += ["", f"{goals} goals, {LABELS[mode]}, n = {some.n.max()}, training seeds averaged: {seeds}", ""]
        lines += ["| model | GD | Adam | CEM |", "| --- | --- | --- | --- |"]
        lines += [f"| {LABELS[model]} | " + " | ".join(_cells(some, model)) + " |" for model in MODELS]
        floors = " and ".join(
            f"{LABELS[row.planner].lower()} {_cell(row)}" for row in some[some.model == "none"].itertuples()
        )
        lines += ["", f"Floors: {floors}."]
    return "\n".join(lines)


def _pushed(task: str, result: Result) -> str:
    """Share of the start's distance removed, laid out as the success tables, and what finetuning does to Adam."""
    table = result.tables["chamfer"]
    lines = [f"### {LABELS[task]}", ""]
    lines += ["Share of the start's Chamfer distance to the goal that is removed, in % [95% interval]."]
    lines += [f"{protocol['text']}" for protocol in result.meta["protocols"]]
    wide = robotics.as_table(result)
    for (goals, mode), rows in table.groupby(["goals", "mode"], sort=False):
        cem = rows[rows.planner == "cem"].seeds.max()
        fewer = f" (CEM: {cem})" if cem < rows.seeds.max() else ""
        head = f"{goals} goals, {LABELS[mode]}, n = {rows.n.max()}, training seeds averaged: {rows.seeds.max()}{fewer}"
        lines += ["", head, "", "| model | GD | Adam | CEM |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {LABELS[model]} | " + " | ".join(wide.loc[goals, mode, model][[*PLANNERS]].replace("", "–")) + " |"
            for model in MODELS
        ]
        lines += ["", f"Random pushes: {wide.loc[goals, mode, 'none']['random']}."]
    told = [f"- {line}" for planner in ("gd", "adam") for line in robotics.sentences(result, planner)]
    return "\n".join([*lines, "", "<details><summary>Final distance, paired</summary>", "", *told, "", "</details>"])


def _cells(rates: pd.DataFrame, model: str) -> list[str]:
    rows = {row.planner: row for row in rates[rates.model == model].itertuples()}
    return [_cell(rows[planner]) if planner in rows else "–" for planner in PLANNERS]


def _cell(row) -> str:
    return percent(row) + ("" if row.seeds > 1 or row.planner != "cem" else "¹")


def _claims(findings: pd.DataFrame) -> str:
    """Each claim, how many of its findings are reproduced on each task, and the findings themselves, folded away."""
    lines = ["¹ CEM under MPC takes most of the hours: one training seed.", "", "### The paper's claims", "", _HOW, ""]
    counts = claims.summarise(findings)
    tasks = [task for task in TASKS if task in counts]
    lines += ["| claim | " + " | ".join(LABELS[task] for task in tasks) + " |", "| --- |" + " --- |" * len(tasks)]
    for claim, row in counts.iterrows():
        cells = [row[task] if isinstance(row.get(task), str) else "–" for task in tasks]
        lines.append(f"| {claim}. {claims.CLAIMS[int(str(claim))]} | " + " | ".join(cells) + " |")
    lines += ["", "<details><summary>Every finding, with its interval</summary>", ""]
    lines += [
        f"- {LABELS[row.task]}, claim {row.claim}: {row.sentence}: **{row.verdict}**" for row in findings.itertuples()
    ]
    return "\n".join([*lines, "", "</details>"])


def _starts(begun: dict[str, Result]) -> str:
    """What Adam reaches from the initialisation network's guess on the base model, beside what else is there."""
    lines = ["### Where planning starts", "", _BEGUN, ""]
    lines += [
        "| task | goals | mode | Adam | network alone | network, then Adam | CEM | minus CEM, points |",
        "| --- |" + " --- |" * 7,
    ]
    for task, result in begun.items():
        rates, differences = result.tables["success"], result.tables["differences"]
        against = differences[(differences.model == "base") & (differences.theirs == "base (cem)")]
        for row in against.itertuples():
            some = rates[(rates.model == "base") & (rates.goals == row.goals) & (rates["mode"] == row.mode)]
            found = {rate.planner: _cell(rate) for rate in some.itertuples()}
            names = [LABELS[task], row.goals, LABELS[row.mode], *(found[name] for name in ORDER)]
            lines.append("| " + " | ".join([*names, interval(row, scale=100, digits="+.1f")]) + " |")
    return "\n".join(lines)


def _targets(reached: dict[str, pd.DataFrame]) -> str:
    """How many of the figures that each target of the recipe asks for are reached, by task, and all of them, folded."""
    lines = ["### How far the gap closes", "", _ASKED, ""]
    lines += ["| target | " + " | ".join(LABELS[task] for task in reached) + " |", "| --- |" + " --- |" * len(reached)]
    for target, text in targets.TARGETS.items():
        rows = [table[table.target == target].reached for table in reached.values()]
        cells = [f"{some.sum()} of {len(some)}" if len(some) else "–" for some in rows]
        lines.append(f"| {target}. {text} | " + " | ".join(cells) + " |")
    lines += ["", "<details><summary>Every figure, with its interval</summary>", ""]
    lines += [
        f"- {LABELS[task]}, target {row.target}, {row.source}: {row.sentence}: **{'yes' if row.reached else 'no'}**"
        for task, table in reached.items()
        for row in table.itertuples()
    ]
    return "\n".join([*lines, "", "</details>"])


ORDER = ("adam", "network", starts.STARTED, "cem")
_BEGUN = (
    "The same base models, and Adam from noise as above, or from what a small network guesses that was trained on the "
    "same data to give the actions between two states back (`lab train --method initialisation`). How many steps Adam "
    "takes after the guess was chosen on the tune split. Success in % [95% interval]; n = 300, training seeds "
    "averaged: 3, and 1 of CEM (`figures/reference/full/starts/`, told in `notebooks/starts.ipynb`)."
)
_ASKED = (
    "Stricter than the claims: how large the effects should be. Encoders, data, radii and lengths of the finetuning "
    "were tried one by one on the tune split (`figures/reference/full/recipe/`, told in `notebooks/recipe.ipynb`); "
    "what was chosen there was trained again and tested. The table gives the figures that are as asked, of all: of the "
    "shipped models (`table1_success`, `fig2_landscape`, `fig3_efficiency`, `fig4_gap`), of that test (`recipe`), and "
    "of Adam started from the network (`starts`, and in `fig3_efficiency`)."
)
_HOW = (
    "Each is put as differences that should be above zero; a finding counts as reproduced when the whole 95% interval "
    "of its paired difference is. The table gives findings reproduced, of all."
)


def write() -> None:
    """Put the section into README.md."""
    text = README.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[-1]
    with replacing(README) as temporary:
        temporary.write_text(before + section() + after)


if __name__ == "__main__":
    write()
