from lab.studies.common.card import Study

STUDY = Study(
    "by_hand",
    13,
    60,
    0,
    kind=None,
    models=(),
    planners=(),
    measured=False,
    teaches="the algorithms in ten lines each, on a world model that is trained in front of you",
    part="idea",
)
