from lab.studies.common.card import Study

STUDY = Study(
    "recipe",
    11,
    12,
    0.5,
    models=("base", "control"),
    trains=14,
    long=True,
    teaches="which choices make the paper's picture appear: λ, encoder, data, length, goal loss",
    part="beyond",
)
