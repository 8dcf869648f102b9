"""The API reference of all names that the packages export: HTML by pdoc, from docstrings and ``#:`` comments."""

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pdoc.doc
import pdoc.render

from lab.files import ROOT

#: all packages that export names
PACKAGES = sorted(".".join(stub.parent.relative_to(ROOT).parts) for stub in (ROOT / "lab").rglob("__init__.pyi"))


def write_reference(folder: Path) -> None:
    """Write a page for each package, an index and a search index to ``folder``."""
    modules = read_reference()
    pages = {f"{name.replace('.', '/')}.html": pdoc.render.html_module(m, modules) for name, m in modules.items()}
    pages |= {"index.html": pdoc.render.html_index(modules), "search.js": pdoc.render.search_index(modules)}
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def read_reference() -> dict[str, pdoc.doc.Module]:
    """The packages as pdoc reads them, by name, with the ``#:`` comments as docstrings."""
    comments = {
        name: text for path in (ROOT / "lab").rglob("*.py") for name, text in _comments(path.read_text("utf-8"))
    }
    modules = {}
    for name in PACKAGES:
        package = import_module(name)
        for exported in package.__all__:
            getattr(package, exported)  # pdoc sees a lazily imported name only after its first use
        modules[name] = pdoc.doc.Module(package)
        _explain(modules[name], comments)
    return modules


def _explain(namespace: pdoc.doc.Namespace, comments: dict[str, str]) -> None:
    """Give the variables of ``namespace`` and its classes their comments, which pdoc does not read, as docstrings."""
    for member in namespace.members.values():
        if isinstance(member, pdoc.doc.Class):
            _explain(member, comments)
        elif isinstance(member, pdoc.doc.Variable) and not member.docstring:
            member.docstring = comments.get(member.qualname, "")


def _comments(source: str) -> Iterator[tuple[str, str]]:
    """(qualified name, text) of assignments with a ``#:`` comment on their last line or on the lines above."""
    lines, tree = source.splitlines(), ast.parse(source)
    classes = [(f"{node.name}.", node.body) for node in tree.body if isinstance(node, ast.ClassDef)]
    for prefix, body in [("", tree.body), *classes]:
        for node in body:
            target = node.target if isinstance(node, ast.AnnAssign) else (getattr(node, "targets", None) or [None])[0]
            if isinstance(target, ast.Name) and (text := _comment(lines, node.lineno - 1, node.end_lineno or 0)):
                yield prefix + target.id, text


def _comment(lines: list[str], first: int, after: int) -> str:
    _, marker, text = lines[after - 1].partition("#:")
    if marker:
        return text.strip()
    above: list[str] = []
    while first and lines[first - 1].lstrip().startswith("#:"):
        first -= 1
        above.insert(0, lines[first].lstrip()[2:].strip())
    return " ".join(above)


if __name__ == "__main__":
    write_reference(Path(sys.argv[1] if len(sys.argv) > 1 else "api"))
