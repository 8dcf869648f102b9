from lab.studies.common.card import Study

STUDY = Study(
    "power",
    7,
    10,
    1,
    planners=("adam", "cem"),
    long=True,
    alone=True,
    teaches="what more optimisation buys, and why problems are still missed",
    part="beyond",
)
