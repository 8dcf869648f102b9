from lab.studies.common.card import Study

STUDY = Study("fig2_landscape", 2, (11, 20, 120), planners=())
