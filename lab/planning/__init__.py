"""Planners over any world model: gradient descent through the rollout, sampling, and MPC around them."""

from lab.planning.baselines import Constant, RandomActions
from lab.planning.cem import CEM
from lab.planning.gradient import GradientPlanner
from lab.planning.mpc import MODES, MPC, OPEN_LOOP, World
from lab.planning.objective import GoalDistance
from lab.planning.planner import Callback, Plan, Planner, unplanned
from lab.planning.settings import PLANNERS, SETTINGS, Settings

__all__ = [
    "CEM", "MODES", "MPC", "OPEN_LOOP", "PLANNERS", "SETTINGS", "Callback", "Constant", "GoalDistance",
    "GradientPlanner", "Plan", "Planner", "RandomActions", "Settings", "World", "unplanned",
]  # fmt: skip
