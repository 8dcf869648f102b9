"""Outside evidence on claims 3 and 4: a sweep on PushT under MPC, published in a fork of the authors' code.

The numbers are those of ``pusht_sweep.csv`` in the repository ArjunParthasarathy/robust-world-model-planning on GitHub,
commit ff7ef9a; ``modal_plan.py`` and ``conf/plan_pusht_sweep_*.yaml`` beside it say how they came about. Nothing of it
was run again here.
"""

import pandas as pd

from lab.evaluation.statistics import Interval, unpaired_difference, wilson
from lab.plots.palette import label
from lab.plots.words import percent

N = 50  #: problems of each row, data-set goals, seed 42
CEM_SAMPLES, ADAM_STEPS = (20, 50, 100, 200, 300), (5, 10, 20, 50, 100)
#: by model and planner, for each budget: problems solved, and seconds of one replan for all problems
SWEEP = {
    ("base", "cem"): ((0, 193.4), (22, 390.3), (23, 713.1), (25, 1412.4), (22, 2069.8)),
    ("base", "adam"): ((20, 6.26), (21, 10.36), (25, 16.03), (22, 38.71), (26, 73.61)),
    ("adversarial", "adam"): ((15, 5.27), (12, 9.00), (18, 15.73), (25, 36.90), (27, 69.80)),
}
SOURCE = (
    "A sweep on PushT under MPC, with the paper's own kind of model, from a fork of the authors' code "
    "(`pusht_sweep.csv` in ArjunParthasarathy/robust-world-model-planning on GitHub, commit ff7ef9a; the account has "
    "the first author's name). The numbers are the fork's, not checked by us; Wilson's intervals are computed here."
)
CAVEATS = (
    "Each row is one run of 50 problems (seed 42). Outcomes of single problems are not published, so that no paired "
    "difference can be had. The best of five budgets is better by chance. CEM has 30 iterations and 30 elites, which "
    "are all of 20 samples. Its time includes an evaluation in the simulator after each iteration, Adam's a single "
    "one, so that Adam's shares come out too small. CEM plans problems one by one, Adam all together. The rates are "
    "far below those of the paper's Table 1 under MPC (CEM 92, Adam 76, and 92 on Adversarial); the fork does not say "
    "why."
)


def sweep() -> pd.DataFrame:
    """A row for each run: model, planner, budget, success in % with Wilson's interval, seconds, and share of CEM's.

    The share is that of CEM with 300 samples.
    """
    longest = SWEEP["base", "cem"][-1][1]
    rows = []
    for (model, planner), runs in SWEEP.items():
        budgets = [f"{n} samples" for n in CEM_SAMPLES] if planner == "cem" else [f"{n} steps" for n in ADAM_STEPS]
        for budget, (solved, seconds) in zip(budgets, runs, strict=True):
            rate = percent(wilson(solved, N), "value")
            rows.append([label(model), label(planner), budget, rate, f"{seconds:.0f}", f"{seconds / longest:.1%}"])
    return pd.DataFrame(rows, columns=["model", "planner", "budget", "success, %", "s per replan", "of CEM's time"])


def sentence() -> str:
    """What the largest budgets say."""
    parts, cem = [], wilson(SWEEP["base", "cem"][-1][0], N)
    for model in ("adversarial", "base"):
        difference = unpaired_difference(wilson(SWEEP[model, "adam"][-1][0], N), cem)
        interval = Interval(*(100 * number for number in difference))
        parts.append(f"{label('adam')} on {label(model)} minus CEM on Base: {interval:+.1f} points")
    text = f"With the largest budgets, unpaired: {'; '.join(parts)}."
    return f"{text} That Adam is as good as CEM is not shown, nor that it is not."
