from lab.studies.common.card import Study

STUDY = Study("rollouts", 13, (10, 12, 12), models=("base", "adversarial"), measured=False)
