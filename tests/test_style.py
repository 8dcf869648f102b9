"""Lint, layout and types of the project, by the settings in pyproject.toml, and the size and the words of its code."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.files import PACKAGE, ROOT

LINES = 400  #: of a file, at most
FUNCTION_LINES = 80  #: of a function, at most
#: private words that hide what something is, as names of variables, arguments, functions and classes
BANNED = {
    "apart", "asked", "felt", "few", "held", "made", "own", "some", "told", "tries", "trial", "unplanned",
    "way", "ways",
}  # fmt: skip
SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_there_is_nothing_to_complain_about(command):
    done = subprocess.run([sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_and_functions_are_short():
    long_files = [path.name for path in SOURCES if len(path.read_text("utf-8").splitlines()) > LINES]
    functions = [(path.name, node) for path in SOURCES for node in nodes(path) if isinstance(node, ast.FunctionDef)]
    long_functions = [
        f"{name}: {node.name}" for name, node in functions if node.end_lineno - node.lineno >= FUNCTION_LINES
    ]
    assert long_files == [] and long_functions == []


def test_sources_are_papers_and_files_that_everybody_can_read():
    """Not sections of a document outside of the repository, as in ``reference: 4.2``."""
    pattern = re.compile(r"reference:? (section )?\d+\.\d|\(reference: |section \d\.\d of the reference")
    assert [path.name for path in SOURCES if pattern.search(path.read_text("utf-8"))] == []


def test_a_standard_deviation_is_called_so():
    texts = {path.name: " ".join(path.read_text("utf-8").split()) for path in SOURCES}
    assert [name for name, text in texts.items() if re.search(r"(?<!standard )\bdeviations?\b", text)] == []


def test_texts_are_utf_8_whatever_the_locale():
    """Where ruff does not see that an object is a path, and of subprocesses."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    found = [
        f"{name}:{call.lineno}"
        for name in listed.stdout.splitlines()
        for call in nodes(ROOT / name)
        if isinstance(call, ast.Call) and goes_by_the_locale(call)
    ]
    assert found == []


def goes_by_the_locale(call: ast.Call) -> bool:
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if method in ("read_text", "write_text"):
        return len(call.args) < (1 if method == "read_text" else 2)
    return any(word.arg == "text" and ast.unparse(word.value) == "True" for word in call.keywords)


def test_names_say_what_they_name():
    found = [f"{path.name}: {name}" for path in SOURCES for name in names(path) if name.lower().strip("_") in BANNED]
    assert found == []


def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def names(path: Path) -> set[str]:
    """All names that the file gives to something."""
    defined = set()
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
    return defined
