from lab.planning.catalog import COMPARED
from lab.studies.common.card import Study

STUDY = Study(
    "table1_success",
    1,
    12,
    5.5,
    planners=COMPARED,
    teaches="success rates with intervals, paired differences, how many problems it takes (Table 1)",
    part="paper",
)
