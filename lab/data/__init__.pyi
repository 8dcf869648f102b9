from .dataset import SPLITS, Dataset, DataSpec, load_or_collect
from .problems import GOALS, HORIZON, Problems, sample_problems

__all__ = ["GOALS", "HORIZON", "SPLITS", "DataSpec", "Dataset", "Problems", "load_or_collect", "sample_problems"]
