from .dataset import MOST_EPISODES, MOST_SEED, SPLITS, Dataset, DataSpec, load_or_collect
from .problems import GOALS, HORIZON, MOST_PROBLEMS, Problems, problems_along, sample_problems

__all__ = [
    "GOALS", "HORIZON", "MOST_EPISODES", "MOST_PROBLEMS", "MOST_SEED", "SPLITS", "DataSpec", "Dataset", "Problems",
    "load_or_collect", "problems_along", "sample_problems",
]  # fmt: skip
