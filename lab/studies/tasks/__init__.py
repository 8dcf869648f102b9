from lab.studies.common.card import Study

STUDY = Study("tasks", 12, (15, 20, 20), kind=None, models=(), measured=False)
