from lab.studies.common.card import Study

STUDY = Study("table1_success", 1, 12, 3.5)
