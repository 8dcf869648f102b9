from .gap import Gap, train_test_gap
from .statistics import Interval, bootstrap_mean, paired_difference, wilson
from .success import Outcome, evaluate, goal_distance

__all__ = [
    "Gap", "Interval", "Outcome", "bootstrap_mean", "evaluate", "goal_distance", "paired_difference", "train_test_gap",
    "wilson",
]  # fmt: skip
