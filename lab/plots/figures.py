"""Which module draws which experiment; apart from the package, so that who draws one thing need not load all."""

from types import ModuleType

from lab.errors import LabError
from lab.plots import fig2, fig3, fig4, online, planners, radii, recipe, robotics, starts, table1

#: by experiment, the module with its ``print_figure`` (matplotlib) and ``interactive`` (plotly)
FIGURES: dict[str, ModuleType] = {
    "table1_success": table1,
    "fig2_landscape": fig2,
    "fig3_efficiency": fig3,
    "fig4_gap": fig4,
    "radii": radii,
    "online": online,
    "planners": planners,
    "recipe": recipe,
    "starts": starts,
    "robotics": robotics,
}


def figures_of(experiment: str) -> ModuleType:
    """The module that draws ``experiment``; raises LabError naming the known ones otherwise."""
    if experiment not in FIGURES:
        raise LabError(f"Unknown experiment '{experiment}': choose one of {', '.join(FIGURES)}.")
    return FIGURES[experiment]
