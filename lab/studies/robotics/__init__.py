from lab.studies.common.card import Study

STUDY = Study(
    "robotics",
    5,
    12,
    4,
    kind="particles",
    long=True,
    teaches="deformable matter: planning with the Chamfer distance",
    part="paper",
)
