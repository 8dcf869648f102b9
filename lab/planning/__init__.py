"""Planners over any world model: gradient descent through the rollout, sampling, and MPC around them."""

from lab.planning.baselines import Constant, RandomActions
from lab.planning.cem import CEM
from lab.planning.compiled import CompiledPlanner
from lab.planning.gradcem import GradCEM
from lab.planning.gradient import GradientPlanner
from lab.planning.icem import ICEM
from lab.planning.initialised import Initialised
from lab.planning.mpc import MODES, MPC, OPEN_LOOP, World
from lab.planning.mppi import MPPI
from lab.planning.objective import GoalDistance, Objective
from lab.planning.planner import Callback, Plan, Planner, PlanRequest, no_warm_start
from lab.planning.prior import ActionPrior, Regularised, WithPrior
from lab.planning.settings import PAPER_PLANNERS, PLANNERS, SETTINGS, Settings, shortened

__all__ = [
    "CEM", "ICEM", "MODES", "MPC", "MPPI", "OPEN_LOOP", "PAPER_PLANNERS", "PLANNERS", "SETTINGS", "ActionPrior",
    "Callback", "CompiledPlanner", "Constant", "GoalDistance", "GradCEM", "GradientPlanner", "Initialised",
    "Objective", "Plan", "PlanRequest", "Planner", "RandomActions", "Regularised", "Settings", "WithPrior", "World",
    "no_warm_start", "shortened",
]  # fmt: skip
