from lab.studies.common.card import Study

STUDY = Study(
    "fig4_gap",
    4,
    9,
    0.6,
    teaches="to measure the train-test gap, and why a smaller gap is not always a better model",
    part="paper",
)
