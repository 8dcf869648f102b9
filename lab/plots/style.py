"""One palette for every figure, page and notebook: colour-blind safe (Okabe and Ito), legible on dark and light."""

MODEL_COLOURS = {
    "base": "#8C8C8C",
    "control": "#E69F00",
    "online": "#0090D0",
    "adversarial": "#D55E00",
    "none": "#BBBBBB",
}
PLANNER_COLOURS = {"gd": "#56B4E9", "adam": "#009E73", "cem": "#CC79A7"}
PLANNER_MARKERS = {"gd": "o", "adam": "s", "cem": "D", "random": "x", "nothing": "+"}
LABELS = {
    "base": "Base", "control": "Control", "online": "Online", "adversarial": "Adversarial", "none": "No model",
    "gd": "GD", "adam": "Adam", "cem": "CEM", "random": "Random", "nothing": "Do nothing",
    "push_t": "PushT", "point_maze": "PointMaze", "wall": "Wall", "open": "open loop", "mpc": "MPC",
}  # fmt: skip
