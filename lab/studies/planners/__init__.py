from lab.planning.catalog import PLANNERS
from lab.studies.common.card import Study

STUDY = Study("planners", 6, (60, 1200, 12000), planners=PLANNERS, long=True, alone=True)
