from lab.studies.common.card import Study

STUDY = Study(
    "rollouts",
    15,
    12,
    0,
    models=("base", "adversarial"),
    measured=False,
    teaches="to read a plan: what the model imagines beside what happens",
    part="idea",
)
