"""Every notebook, a line each: what ``python -m lab reproduce`` runs, and for which tasks. Loads without torch."""

from dataclasses import dataclass

from lab.files import MODELS, ROOT

FOLDER = ROOT / "notebooks"
PAPER = ("push_t", "point_maze", "wall")  #: the tasks of the paper's Table 1
ROBOTICS = ("rope", "granular")  #: the tasks with deformable matter


@dataclass(frozen=True)
class Notebook:
    """``notebooks/<name>.ipynb``; an experiment has a module of this name in `lab.experiments` and in `lab.plots`."""

    name: str
    seconds: tuple[float, float, float]  #: rough, at smoke, quick and full: for the first estimate of the time left
    tasks: tuple[str, ...] = PAPER  #: one run for each; none: a single run, without a task
    models: tuple[str, ...] = MODELS  #: trained first, where they are neither shipped nor made
    experiment: bool = True
    long: bool = False  #: too long for the ten minutes of quick, where it is made only if it is asked for
    alone: bool = False  #: measures time, so that nothing else may run beside it (but at smoke)


NOTEBOOKS: dict[str, Notebook] = {
    notebook.name: notebook
    for notebook in (
        Notebook("table1_success", (14, 170, 3600)),
        Notebook("fig2_landscape", (11, 20, 120)),
        Notebook("fig3_efficiency", (11, 60, 600), alone=True),
        Notebook("fig4_gap", (11, 35, 600)),
        Notebook("robotics", (20, 300, 3600), tasks=ROBOTICS, long=True),
        Notebook("planners", (60, 1200, 12000), long=True, alone=True),
        Notebook("starts", (12, 150, 1500), long=True),
        Notebook("radii", (15, 900, 9000), tasks=("point_maze", "wall"), models=("base", "control"), long=True),
        Notebook("online", (12, 900, 9000), tasks=("point_maze", "wall"), models=("base", "control"), long=True),
        Notebook("recipe", (12, 5400, 14000), long=True),
        Notebook("overview", (10, 15, 15), tasks=("wall",), experiment=False),
        Notebook("tasks", (15, 20, 20), tasks=(), models=(), experiment=False),
        Notebook("rollouts", (10, 12, 12), models=("base", "adversarial"), experiment=False),
        Notebook("your_world_model", (10, 25, 60), tasks=(), models=("base",), experiment=False),
    )
}
EXPERIMENTS = tuple(name for name, notebook in NOTEBOOKS.items() if notebook.experiment)
