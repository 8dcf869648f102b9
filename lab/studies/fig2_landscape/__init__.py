from lab.studies.common.card import Study

STUDY = Study(
    "fig2_landscape",
    2,
    10,
    0.15,
    planners=(),
    teaches="to look at a loss of 50 actions: slices, roughness, basins",
    part="paper",
)
