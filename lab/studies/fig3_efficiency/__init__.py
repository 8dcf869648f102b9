from lab.planning.catalog import COMPARED
from lab.studies.common.card import Study

STUDY = Study(
    "fig3_efficiency",
    3,
    8,
    1.8,
    planners=COMPARED,
    alone=True,
    teaches="to compare planners by time: two clocks, equal success",
    part="paper",
)
