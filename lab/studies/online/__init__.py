from lab.studies.common.card import Study

STUDY = Study("online", 9, (12, 900, 9000), chosen=("point_maze", "wall"), models=("base", "control"), long=True)
