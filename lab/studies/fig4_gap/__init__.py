from lab.studies.common.card import Study

STUDY = Study("fig4_gap", 4, 9, 0.6)
