from lab.studies.common.card import Study

STUDY = Study("recipe", 10, 12, 30, long=True)
