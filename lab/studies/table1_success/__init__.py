from lab.studies.common.card import Study

STUDY = Study("table1_success", 1, (14, 170, 3600))
