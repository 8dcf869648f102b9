from lab.studies.common.card import ROBOTICS, Study

STUDY = Study("robotics", 5, (20, 300, 3600), tasks=ROBOTICS, long=True)
