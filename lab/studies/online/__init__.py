from lab.studies.common.card import Study

STUDY = Study(
    "online",
    10,
    10,
    17,
    chosen=("point_maze", "wall"),
    models=("base", "control"),
    long=True,
    teaches="Online World Modeling round by round: where the planner goes, what the replay keeps",
    part="beyond",
)
