from lab.studies.common.card import Study

STUDY = Study("rollouts", 13, 12, 0, models=("base", "adversarial"), measured=False)
