from lab.studies.common.card import Study

STUDY = Study("recipe", 10, (12, 5400, 14000), long=True)
