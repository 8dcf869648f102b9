"""The API reference: every public name is explained, and the documented command makes its pages without a warning."""

import subprocess
import sys
from collections.abc import Iterator

import pdoc.doc
import pytest

from lab.files import ROOT
from lab.repro.reference import PACKAGES, read_reference


@pytest.fixture(scope="module")
def reference() -> dict[str, pdoc.doc.Module]:
    return read_reference()


def unexplained(namespace: pdoc.doc.Namespace) -> Iterator[str]:
    """Names without a docstring; the fields of a class may be explained in its own."""
    for member in namespace.own_members if isinstance(namespace, pdoc.doc.Class) else namespace.members.values():
        field = isinstance(namespace, pdoc.doc.Class) and isinstance(member, pdoc.doc.Variable)
        if not (member.name.startswith("_") or member.docstring or field):
            yield member.fullname
        if isinstance(member, pdoc.doc.Class):
            yield from unexplained(member)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_explained(reference, package):
    assert len(reference[package].members) > 2
    assert not list(unexplained(reference[package]))


def test_a_comment_explains_a_constant_and_a_field(reference):
    data = reference["lab.data"].members
    assert data["HORIZON"].docstring.startswith("latent steps from a start to its goal")
    assert data["DataSpec"].members["size"].docstring == "side of the pictures in pixels"


@pytest.mark.slow
def test_the_documented_command_makes_the_reference_without_a_warning(tmp_path):
    (command,) = [
        line for line in (ROOT / "lab" / "README.md").read_text("utf-8").splitlines() if "lab.repro.reference" in line
    ]
    words = [sys.executable, *command.split("#")[0].split()[1:-1], str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    pages = {page.relative_to(tmp_path).with_suffix("").as_posix() for page in tmp_path.rglob("*.html")}
    assert pages == {"index", *(name.replace(".", "/") for name in PACKAGES)}
