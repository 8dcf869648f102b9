"""The parameters of a notebook: one that it does not have is refused, whichever program runs it."""

import ast
from itertools import pairwise

from lab.errors import check_known

INJECTED = "# Parameters\n"  #: how the cell begins that papermill puts after the parameters cell


def check_parameters() -> None:
    """Raise LabError where papermill gave this notebook a parameter that its parameters cell does not have."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    cells = shell.user_ns["In"] if shell else []  # the code of all cells so far
    for before, cell in pairwise(cells):
        if cell.startswith(INJECTED):
            for name in assigned(cell):
                check_known("parameter", name, assigned(before))


def assigned(code: str) -> list[str]:
    """The names that ``code`` gives values to."""
    nodes = ast.walk(ast.parse(code))
    return [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
