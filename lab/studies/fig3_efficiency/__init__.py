from lab.studies.common.card import Study

STUDY = Study(
    "fig3_efficiency",
    3,
    8,
    1.8,
    planners=("gd", "adam", "restarts", "raced", "cem"),
    alone=True,
    teaches="to compare planners by time: two clocks, equal success",
    part="paper",
)
