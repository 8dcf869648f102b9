from lab.studies.common.card import Study

STUDY = Study("starts", 7, 8, 2, long=True)
