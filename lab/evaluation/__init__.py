"""Measurements: success, the train-test gap, the loss landscape, and their intervals."""

from lab.evaluation.gap import Gap, train_test_gap
from lab.evaluation.protocol import Protocol
from lab.evaluation.statistics import Interval, bootstrap_mean, paired_difference, wilson
from lab.evaluation.success import Outcome, evaluate, goal_distance

__all__ = [
    "Gap", "Interval", "Outcome", "Protocol", "bootstrap_mean", "evaluate", "goal_distance", "paired_difference",
    "train_test_gap", "wilson",
]  # fmt: skip
