from lab.studies.common.card import Study

STUDY = Study("planners", 6, (60, 1200, 12000), long=True, alone=True)
