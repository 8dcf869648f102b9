from .anatomy import Attempts, around_goals, attempts, boundary_loss, judged, known_plans
from .gap import Gap, train_test_gap
from .slices import Slice, directions, landscape
from .statistics import Interval, bootstrap_mean, paired_difference, wilson
from .success import Outcome, evaluate, goal_distance

__all__ = [
    "Attempts", "Gap", "Interval", "Outcome", "Slice", "around_goals", "attempts", "bootstrap_mean", "boundary_loss",
    "directions", "evaluate", "goal_distance", "judged", "known_plans", "landscape", "paired_difference",
    "train_test_gap", "wilson",
]  # fmt: skip
