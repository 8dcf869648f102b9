from lab.studies.common.card import Study

STUDY = Study("radii", 8, (15, 900, 9000), chosen=("point_maze", "wall"), models=("base", "control"), long=True)
