from lab.studies.common.card import Study

STUDY = Study("overview", 11, 12, 0, chosen=("wall",), measured=False)
