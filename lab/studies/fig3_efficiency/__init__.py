from lab.studies.common.card import Study

STUDY = Study("fig3_efficiency", 3, (11, 60, 600), alone=True)
