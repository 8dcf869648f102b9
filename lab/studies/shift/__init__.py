from lab.studies.common.card import Study

STUDY = Study(
    "shift",
    12,
    10,
    4,
    planners=("adam", "cem"),
    long=True,
    teaches="whether models hold up where something has changed since training, and whether adapting helps",
    part="beyond",
)
