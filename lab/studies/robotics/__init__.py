from lab.studies.common.card import Study

STUDY = Study("robotics", 5, (20, 300, 3600), kind="particles", long=True)
