from lab.studies.common.card import Study

STUDY = Study("fig2_landscape", 2, 10, 0.15, planners=())
