from lab.studies.common.card import Study

STUDY = Study(
    "straightening",
    11,
    20,
    9,
    long=True,
    teaches="an encoder in which what moves moves straight on: what that does to the loss, the plans and both methods",
    part="beyond",
)
