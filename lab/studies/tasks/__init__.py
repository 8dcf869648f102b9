from lab.studies.common.card import Study

STUDY = Study("tasks", 12, (15, 20, 20), tasks=(), models=(), measured=False)
