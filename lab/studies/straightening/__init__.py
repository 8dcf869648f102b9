from lab.studies.common.card import Study

STUDY = Study(
    "straightening",
    11,
    20,
    9,
    long=True,
    teaches="an encoder trained for straight latent trajectories: its effect on the loss, plans and both methods",
    part="beyond",
)
