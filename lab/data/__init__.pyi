from .dataset import SPLITS, Dataset, DataSpec, load_or_collect
from .problems import GOALS, HORIZON, Problems, problems_along, sample_problems

__all__ = [
    "GOALS", "HORIZON", "SPLITS", "DataSpec", "Dataset", "Problems", "load_or_collect", "problems_along",
    "sample_problems",
]  # fmt: skip
