from lab.studies.common.card import Study

STUDY = Study(
    "starts",
    8,
    8,
    3,
    networks=("initialisation",),
    long=True,
    teaches="what changes when Adam starts from a network's guess instead of noise",
    part="beyond",
)
