from lab.studies.common.card import Study

STUDY = Study("your_world_model", 14, (10, 25, 60), tasks=(), models=("base",), measured=False)
