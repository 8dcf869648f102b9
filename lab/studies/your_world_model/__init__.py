from lab.studies.common.card import Study

STUDY = Study("your_world_model", 14, (10, 25, 60), kind=None, models=("base",), measured=False)
