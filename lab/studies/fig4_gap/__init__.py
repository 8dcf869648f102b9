from lab.studies.common.card import Study

STUDY = Study("fig4_gap", 4, (11, 35, 600))
