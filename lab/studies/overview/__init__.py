from lab.studies.common.card import Study

STUDY = Study(
    "overview",
    12,
    30,
    0,
    chosen=("wall",),
    measured=False,
    teaches="why plans leave the data, and what the two remedies do; in one picture (Figure 1)",
    part="idea",
)
