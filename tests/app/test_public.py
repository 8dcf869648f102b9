"""The app on a public host: it starts nothing and takes nothing, and needs only what its own list names."""

import subprocess
import sys

import pytest
from harness import APP, PAGES, address, whole

from lab.errors import LabError
from lab.files import ROOT
from lab.variables import read_only

NOT_NEEDED = ("jupyterlab", "ipykernel", "ipywidgets", "nbclient", "jupyter_client", "papermill", "nbformat", "jinja2")


@pytest.fixture
def public(app, monkeypatch):
    monkeypatch.setenv("LAB_APP_READONLY", "1")
    return app


@pytest.mark.parametrize("page", ["train", "efficiency"])
def test_no_run_can_be_started(public, page):
    test = public(page)
    assert whole(test)
    assert not [button.label for button in test.button if button.label.startswith(("Train", "Resume", "Measure"))]


def test_no_file_is_taken(public):
    test = public("train", part="inspect")
    assert whole(test) and not test.get("file_uploader") and address(test)["part"] == "inspect"


def test_the_server_refuses_a_run_whoever_asks(public, monkeypatch):
    assert whole(public())
    import runs
    import streamlit as st

    monkeypatch.setattr(runs, "workers", lambda: pytest.fail("a run was started"))
    runs.start("mine", ["lab", "train"])
    assert st.session_state["refused"] == runs.READ_ONLY


def test_only_0_and_1_are_understood(monkeypatch):
    for text, meant in (("", False), ("0", False), ("1", True)):
        monkeypatch.setenv("LAB_APP_READONLY", text)
        assert read_only() is meant
    monkeypatch.setenv("LAB_APP_READONLY", "yes")
    with pytest.raises(LabError, match="LAB_APP_READONLY must be 0 or 1"):
        read_only()


def test_its_requirements_are_those_of_the_lab():
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        return {line for line in lines if line and not line.startswith("#")}

    assert pins("app/requirements.txt") < pins("requirements.txt")
    assert not {pin.split("==")[0] for pin in pins("app/requirements.txt")} & set(NOT_NEEDED)


def test_pages_need_no_more_than_its_requirements():
    """Each page is imported where what only notebooks need cannot be."""
    blocked = "; ".join(f"sys.modules['{name}'] = None" for name in NOT_NEEDED)
    code = f"""
import ast, importlib, sys
{blocked.replace("; ", chr(10))}
sys.path.insert(0, {str(APP)!r})
for page in {PAGES!r}:
    for node in ast.walk(ast.parse(open(f"{APP}/views/{{page}}.py", encoding="utf-8").read())):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            [getattr(module, alias.name, None) or importlib.import_module(f"{{node.module}}.{{alias.name}}")
             for alias in node.names]
        elif isinstance(node, ast.Import):
            [importlib.import_module(alias.name) for alias in node.names]
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=300)
