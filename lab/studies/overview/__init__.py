from lab.studies.common.card import Study

STUDY = Study("overview", 11, (10, 15, 15), chosen=("wall",), measured=False)
