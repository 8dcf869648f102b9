from lab.studies.common.card import Study

STUDY = Study(
    "your_world_model",
    18,
    45,
    0,
    kind=None,
    models=("base",),
    measured=False,
    teaches="to plan through a world model of your own, to finetune it by both methods, and to test it",
)
