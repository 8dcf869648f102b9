from lab.studies.common.card import Study

STUDY = Study(
    "tasks",
    14,
    18,
    0,
    kind=None,
    models=(),
    measured=False,
    teaches="the five tasks: states, actions, data, goals (Figure 5)",
    part="idea",
)
