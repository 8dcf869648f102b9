from lab.studies.common.card import Study

STUDY = Study(
    "radii",
    9,
    10,
    26,
    chosen=("point_maze", "wall"),
    models=("base", "control"),
    long=True,
    teaches="Adversarial World Modeling: how large the perturbations may be, one step of ascent or more",
    part="beyond",
)
