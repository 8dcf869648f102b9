"""Two sides on the same problems."""

import pandas as pd

from lab.evaluation.compare import OUTCOMES, outcomes
from lab.plots.pairwise import pairwise_figure


def test_outcomes():
    ours = pd.DataFrame({"pair": [0, 1, 2, 3, 4], "success": [1, 1, 0, 0, 1]})
    theirs = pd.DataFrame({"pair": [3, 2, 1, 0], "success": [0, 1, 0, 1]})  # fewer, in another order
    table = outcomes(ours, theirs)
    assert table.to_dict("list") == {"problem": [0, 1, 2, 3], "outcome": ["both", "won", "lost", "neither"]}


def test_figure_has_every_problem_once():
    table = pd.DataFrame({"problem": range(60), "outcome": [OUTCOMES[i % 3] for i in range(60)]})
    figure = pairwise_figure(table)
    numbers = sorted(number for trace in figure.data for number in trace.customdata)
    assert numbers == list(range(60)) and "(0)" in figure.data[3].name
