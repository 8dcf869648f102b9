"""The floors of the house: imports point down only, there are no circles, and only faces read the environment."""

import ast
import functools
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from lab.files import ROOT

#: from the bottom; packages on one floor do not import each other
FLOORS = (
    ("errors", "program"),
    ("presets",),
    ("arguments", "files", "machine", "options", "registry"),
    ("checksums", "locks", "tensors", "variables"),
    ("results",),
    ("tasks",),
    ("",),  # the package itself: its version, and its tasks for Gymnasium
    ("data", "models"),
    ("planning",),
    ("training", "evaluation"),  # up to here the library, above it what makes the paper's figures
    ("benchmarks",),
    ("importers", "plots"),
    ("studies",),
    ("leaderboard",),
    ("repro", "web"),
    ("bench_others", "bench_peer"),
    ("bench",),
    ("bench_scale", "bench_backends"),
    ("commands",),
    ("cli",),
    ("__main__",),
)
LIBRARY = FLOORS[7:10]  #: but for tasks
FLOOR = {name: number for number, floor in enumerate(FLOORS) for name in floor}
PATHS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "lab").rglob("*.py"))
}
Graph = dict[str, set[str]]


def imported(module: str, path: Path) -> Iterator[str]:
    """The modules of the lab that ``module`` imports, also inside functions; what a package hands on is followed."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in PATHS)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: imports name the whole module"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found = name if name in PATHS else handed_on(node.module or "").get(alias.name, node.module)
                if found in PATHS:
                    yield str(found)


@functools.cache
def handed_on(package: str) -> dict[str, str]:
    """By each name that ``package`` re-exports, the module that defines it."""
    stub = ROOT.joinpath(*package.split("."), "__init__.pyi")
    nodes = ast.parse(stub.read_text("utf-8")).body if stub.is_file() else []
    return {a.name: f"{package}.{n.module}" for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return {module: set(imported(module, path)) for module, path in PATHS.items()}


def package(module: str) -> str:
    return module.removeprefix("lab").removeprefix(".").partition(".")[0]


def test_every_file_stands_on_a_floor():
    assert {package(module) for module in PATHS} == set(FLOOR)


def test_imports_point_down(graph):
    both = ((a, b) for a in graph for b in graph[a] if package(a) != package(b))
    upwards = [f"{a} -> {b}" for a, b in both if FLOOR[package(a)] <= FLOOR[package(b)]]
    assert not upwards


def test_no_files_import_each_other_in_a_circle(graph):
    try:
        TopologicalSorter({module: found - {module} for module, found in graph.items()}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_what_studies_share_knows_no_study(graph):
    shared = {module: found for module, found in graph.items() if module.startswith("lab.studies.common.")}
    assert not [f"{a} -> {b}" for a in shared for b in shared[a] if package(b) == "studies" and ".common." not in b]


def test_the_library_is_given_its_tasks_and_does_not_look_them_up(graph):
    """But for data, which are described by the name of their task."""
    above_data = [name for floor in LIBRARY for name in floor if name != "data"]
    looking_up = [
        f"{module}: {name}"
        for module, path in PATHS.items()
        if package(module) in above_data
        for name in ("make_task", "TASKS")
        if name in {node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)}
    ]
    assert not looking_up


def read_environment(path: Path) -> Iterator[int]:
    """Lines that read an environment variable; a process may be handed all of them (``os.environ | ...``)."""
    names = ("environ", "environb", "getenv")
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    handed = {id(node.left) for node in nodes if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in names and id(node) not in handed:
            yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in names)


def test_nothing_below_the_faces_reads_the_environment(graph):
    """But for the cache's place (`lab.files`). `lab.variables` reads for faces, and for processes of their own."""
    reading = {module for module, path in PATHS.items() if list(read_environment(path))}
    assert reading == {"lab.files", "lab.variables"}
    asking = {module for module in graph if "lab.variables" in graph[module]}
    own_process = {module for module in asking if '__name__ == "__main__"' in PATHS[module].read_text("utf-8")}
    assert {package(module) for module in asking - own_process} <= {"commands", "cli"}
