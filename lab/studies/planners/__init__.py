from lab.planning.catalog import PLANNERS
from lab.studies.common.card import Study

STUDY = Study(
    "planners",
    6,
    30,
    3.4,
    networks=("initialisation",),
    planners=PLANNERS,
    long=True,
    alone=True,
    teaches="every planner on the same problems: gradients, samples, a network",
    part="beyond",
)
