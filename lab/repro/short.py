"""The summary of ``figures/README.md``: how many paired differences are above, below or unclear, by task.

Counts and shares come from the tables. `WORDS` are written by hand; a test checks each sentence against the counts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lab.plots.palette import LABELS, label
from lab.plots.words import GOALS, interval
from lab.results import Result
from lab.studies.common.claims import LANDSCAPE
from lab.studies.common.judge import AS_GOOD, MARGIN, differ, seeds_of, verdict

Committed = Mapping[str, Mapping[str, Result]]  #: by task and study
WORDS = """- On the base model, GD and Adam from one start are behind CEM on PushT, PointMaze and Wall, open loop and
  under MPC. Adam from 8 starts is ahead of CEM on PushT, and under MPC for random goals on PointMaze and Wall;
  in the six other comparisons no difference is shown.
- *Adversarial World Modeling* lifts success above the control's on PointMaze, open loop and under MPC. On Wall it does
  in open loop, where one of four differences is unclear, and nothing is shown under MPC. On PushT it lifts GD in open
  loop only. The gap falls on Wall, and on PointMaze, where one of four differences is unclear; on PushT it rises under
  Adam.
- *Online World Modeling* lowers the gap on Wall under GD; on PushT and PointMaze nothing is shown. It lifts success
  nowhere. Adam loses on PushT in open loop, GD on Wall under MPC for one kind of goals.
- On Rope and Granular, against the control: *Adversarial* brings plans closer to the goal on Rope under GD in open loop
  and in all four comparisons under MPC, on Granular for random goals in open loop alone. *Online* does for random goals
  under Adam in open loop, one comparison of eight on each of them."""
VERDICTS = ("above", "below", "unclear")
METHODS, GRADIENT = ("adversarial", "online"), "planner in ('gd', 'adam')"


@dataclass(frozen=True)
class Topic:
    """Paired differences from one study, for several planners and kinds of goals."""

    subject: str
    part: str  #: of the subject, such as the mode
    study: str
    query: str  #: of the study's table ``differences``
    scale: float = 1.0  #: 100 for points of success

    def rows(self, committed: Committed) -> pd.DataFrame:
        """The differences of all tasks that have the study, with two more columns: task and case."""
        measured = {task: studies[self.study] for task, studies in committed.items() if self.study in studies}
        rows = [result.tables["differences"].query(self.query).assign(task=task) for task, result in measured.items()]
        table = pd.concat(rows)
        return table.assign(case=[_case(row) for row in table.to_dict("records")])


def topics() -> Iterator[Topic]:
    """All topics of the summary, in its order."""
    for mode in ("open", "mpc"):
        query = f"ours == 'base' and theirs == 'base (cem)' and criterion == 'full' and mode == '{mode}'"
        yield Topic("Gradient planning minus CEM, both on Base: success", LABELS[mode], "table1_success", query, 100)
    for mode in ("open", "mpc"):
        query = f"model == 'base' and theirs == 'base (cem)' and mode == '{mode}'"
        yield Topic("Network, then Adam, minus CEM, both on Base: success", LABELS[mode], "starts", query, 100)
    for model in METHODS:
        yield from _of_method(f"{LABELS[model]} minus Control", f"ours == '{model}' and theirs == 'control'")


def _of_method(subject: str, against: str) -> Iterator[Topic]:
    """The topics of one finetuning method, compared with the control."""
    gradient = f"{against} and {GRADIENT}"
    for mode in ("open", "mpc"):
        query = f"{gradient} and criterion == 'full' and mode == '{mode}'"
        yield Topic(f"{subject}: success", LABELS[mode], "table1_success", query, 100)
    for kind, part in {"gap": "train-test gap", "planned": "error on planned actions"}.items():
        yield Topic(f"{subject}: {part}", LABELS["open"], "fig4_gap", f"{gradient} and kind == '{kind}'")
    for measure, words in LANDSCAPE.items():
        query = f"{against} and measure == '{measure}'"
        yield Topic(f"{subject}: {words}", "near the expert", "fig2_landscape", query)
    for mode in ("open", "mpc"):
        query = f"{gradient} and mode == '{mode}'"
        yield Topic(f"{subject}: final Chamfer distance", LABELS[mode], "robotics", query)


def summary(committed: Committed) -> Iterator[list[str]]:
    """Head and rows of a table: for each topic, how many differences are above zero, below or unclear, by task."""
    yield ["difference", "", *map(label, committed)]
    for topic in topics():
        counts = {task: tally(rows) for task, rows in topic.rows(committed).groupby("task", sort=False)}
        if counts:  # version 0.1's tables do not have all
            yield [topic.subject, topic.part, *(counts.get(task, "–") for task in committed)]


def differences(committed: Committed) -> Iterator[list[str]]:
    """Head and rows of a table of all differences that `summary` counts; bold if the interval excludes 0."""
    yield ["difference", *map(label, committed)]
    for topic in topics():
        for case, rows in topic.rows(committed).groupby("case", sort=False):
            cells = {row.task: _cell(row, topic.scale) for row in rows.itertuples()}
            yield [f"{topic.subject}, {topic.part}{case}", *(cells.get(task, "–") for task in committed)]


def sentences(committed: Committed) -> list[str]:
    """Sentences on how the gap falls, and on where Adam from the network's guess is as good as CEM in less time."""
    return [*(_share(committed, model) for model in METHODS), _in_a_tenth(committed)]


def _case(row: Mapping[str, Any]) -> str:
    """``, GD, random goals``: the planner and the goals of a difference, if its study has several."""
    named = [LABELS[row["planner"]]] if "planner" in row else []
    named += [GOALS[row["goals"]]] if "goals" in row else []
    seeds = row["seeds"], row.get("seeds_theirs")
    named += [seeds_of(*seeds)] if differ(*seeds) else []
    return "".join(f", {word}" for word in named)


def _cell(row, scale: float) -> str:
    text = interval(row, scale=scale, digits="+.1f" if scale == 100 else "+.3g")
    return f"**{text}**" if verdict(row.low, row.high) != "unclear" else text


def tally(rows: pd.DataFrame) -> str:
    """``3 above, 1 unclear``: the counts of the verdicts on the intervals of ``rows``."""
    verdicts = [verdict(row.low, row.high, *VERDICTS) for row in rows.itertuples()]
    return ", ".join(f"{verdicts.count(word)} {word}" for word in VERDICTS if word in verdicts)


def _share(committed: Committed, model: str) -> str:
    """A sentence: the share of the gap's fall that is a larger error on the expert's actions.

    Only gaps count whose whole interval is below the control's.
    """
    texts = []
    for task, studies in committed.items():
        if "fig4_gap" in studies:
            kinds = studies["fig4_gap"].tables["differences"].query(f"ours == '{model}' and theirs == 'control'")
            wide = kinds.pivot(index=["goals", "planner"], columns="kind", values=["difference", "high"])
            wide = wide[wide["high", "gap"] < 0]["difference"]
            if len(wide):
                shares = 100 * wide.expert / -wide.gap
                ends = dict.fromkeys(f"{share:.0f}" for share in (shares.min(), shares.max()))
                texts.append(f"{label(task)} {' to '.join(ends)} %")
    return (
        f"Where the gap of {LABELS[model]} is below the control's, a larger error on the expert's own actions makes up "
        f"this share of the difference: {', '.join(texts)}."
    )


def _in_a_tenth(committed: Committed) -> str:
    """A sentence: on which models Adam from the network's guess is as good as CEM in a tenth of its time."""
    texts = []
    for task, studies in committed.items():
        if "fig3_efficiency" in studies:
            ratios = studies["fig3_efficiency"].tables["ratios"].query("rule == 'a tenth' and clock == 'batch'")
            rows = ratios.query("planner == 'network+adam' and model == reference and met")
            good = rows[rows.low > -MARGIN].model
            texts.append(f"{label(task)}: {label(*good) or 'none'}")
    return (
        "Started from a network's guess, open loop, all problems planned together, Adam is as good as CEM on the same "
        f"model in a tenth of its time ({AS_GOOD}; one training seed) on these models: {'; '.join(texts)}."
    )
