from lab.studies.common.card import Study

STUDY = Study("starts", 7, (12, 150, 1500), long=True)
