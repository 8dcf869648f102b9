from lab.studies.common.card import Study

STUDY = Study(
    "straightening",
    11,
    20,
    9,
    long=True,
    teaches="an encoder trained so that latent trajectories are straight: what that does to the loss, the plans and both methods",
    part="beyond",
)
