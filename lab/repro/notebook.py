"""Run one notebook with parameters, through papermill, with two additions.

Unknown parameters are an error, and a cell with widgets cannot wait forever for a reply that has already arrived.

``python -m lab.repro.notebook SOURCE PARAMETERS OUTPUT`` does this in a process of its own.
"""

import json
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any
from unittest.mock import patch

import nbformat
from jupyter_client.channels import AsyncZMQSocketChannel
from papermill import PapermillExecutionError, execute_notebook, inspect_notebook

from lab import variables
from lab.errors import LabError, check_known
from lab.files import ROOT, replacing
from lab.machine import MACHINE, Machine
from lab.studies.registry import FOLDER

KERNEL = "python3"


def run_notebook(name: str, parameters: Mapping[str, Any], output: Path, folder: Path = FOLDER) -> None:
    """Execute ``folder/name.ipynb`` from the project's root, and write the executed copy to ``output``.

    A notebook that fails is written, too. Raises LabError for an unknown notebook or parameter, and if a cell fails.
    """
    source = folder / f"{name}.ipynb"
    check_known("notebook", name, sorted(path.stem for path in folder.glob("*.ipynb")))
    known = inspect_notebook(source)
    for parameter in parameters:
        check_known(f"parameter of {name}", parameter, known)
    failure = None
    with replacing(output) as temporary, patch.object(AsyncZMQSocketChannel, "get_msg", next_message):
        try:
            nbformat.write(_on_this_machine(source), temporary)
            execute_notebook(temporary, temporary, dict(parameters), kernel_name=KERNEL, cwd=ROOT, progress_bar=False)
        except PapermillExecutionError as error:
            failure = error
    if failure:
        raise LabError(f"{_reason(failure)} (cell {failure.exec_count} of {output})") from failure


def _on_this_machine(source: Path) -> nbformat.NotebookNode:
    """The notebook; if our `MACHINE` is not the default, a first cell sets its kernel's to the same."""
    notebook = nbformat.read(source, as_version=4)
    if Machine() != MACHINE:
        code = "from pathlib import *\nfrom lab.machine import MACHINE\n\n"
        code += f"MACHINE.processes, MACHINE.dino = {MACHINE.processes}, {MACHINE.dino!r}"
        notebook.cells.insert(0, nbformat.v4.new_code_cell(code))
    return notebook


_get_msg = AsyncZMQSocketChannel.get_msg


async def next_message(channel: AsyncZMQSocketChannel, timeout: float | None = None) -> dict[str, Any]:
    """The next message of ``channel``; without a ``timeout`` (s), the channel is polled once a second.

    nbclient answers widgets on the socket on which it awaits the cell's reply. If a reply comes just before such an
    answer, nobody wakes up: zmq signals a readable socket only once, and sending the answer consumes the signal.
    """
    while timeout is None:
        with suppress(Empty):
            return await _get_msg(channel, 1)
    return await _get_msg(channel, timeout)


def _reason(error: PapermillExecutionError) -> str:
    """The error of the failing cell; of a LabError, the message alone."""
    first = str(error.evalue).strip().split("\n")[0]
    return first if error.ename == "LabError" else f"{error.ename}: {first}"


def main(source: str, parameters: str, output: str) -> int:
    """Returns 0, or 1 after one line on stderr that says what went wrong."""
    logging.getLogger("papermill").setLevel(logging.ERROR)
    path = Path(source)
    try:
        variables.use_machine()
        run_notebook(path.stem, json.loads(parameters), Path(output), path.parent)
    except Exception as error:  # whatever went wrong is reported in one line
        print(" ".join(str(error).split()) or type(error).__name__, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
