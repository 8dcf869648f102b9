from lab.studies.common.card import Study

STUDY = Study(
    "horizons",
    16,
    5,
    3.4,
    models=("base", "control", "adversarial"),
    planners=("gd", "adam", "restarts", "grasp", "icem", "cem"),
    long=True,
    teaches="plans of 5, 10, 25 and 50 latent steps: where the gradient dies, and what survives",
    part="beyond",
)
