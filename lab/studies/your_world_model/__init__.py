from lab.studies.common.card import Study

STUDY = Study("your_world_model", 14, (12, 45, 80), kind=None, models=("base",), measured=False)
