from .adaptation import Adaptation
from .baselines import Constant, RandomActions
from .catalog import BACKENDS, CATALOG, COMPARED, PAPER_PLANNERS, PLANNERS, make_planner
from .cem import CEM
from .consistent import Consistency
from .gradcem import GradCEM
from .gradient import GradientPlanner
from .grasp import GRASP
from .icem import ICEM
from .informed import Informed
from .initialised import Initialised
from .mpc import MODES, MPC, OPEN_LOOP, World
from .mppi import MPPI
from .normal import Normal
from .objective import GoalDistance, Objective, Penalised, Penalty
from .planner import Callback, Plan, Planner, PlanRequest, no_warm_start
from .prior import ActionPrior, Regularised
from .programs import Compiled, on_backend
from .settings import Settings, shortened

__all__ = [
    "BACKENDS",
    "CATALOG",
    "CEM",
    "COMPARED",
    "GRASP",
    "ICEM",
    "MODES",
    "MPC",
    "MPPI",
    "OPEN_LOOP",
    "PAPER_PLANNERS",
    "PLANNERS",
    "ActionPrior",
    "Adaptation",
    "Callback",
    "Compiled",
    "Consistency",
    "Constant",
    "GoalDistance",
    "GradCEM",
    "GradientPlanner",
    "Informed",
    "Initialised",
    "Normal",
    "Objective",
    "Penalised",
    "Penalty",
    "Plan",
    "PlanRequest",
    "Planner",
    "RandomActions",
    "Regularised",
    "Settings",
    "World",
    "make_planner",
    "no_warm_start",
    "on_backend",
    "shortened",
]
