from lab.studies.common.card import Study

STUDY = Study(
    "priors",
    17,
    10,
    10,
    models=("base", "adversarial"),
    networks=("state_prior",),
    planners=("cem", "mppi", "restarts", "adam"),
    long=True,
    teaches="a prior that knows start and goal, and how sure it is: as many goals after a tenth of the iterations?",
    part="beyond",
)
