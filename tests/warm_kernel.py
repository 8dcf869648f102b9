"""Kernels that start at once: forks of a process, the nursery, that has the large libraries loaded, not the lab.

``with nursery() as path``: every ``python3`` kernel that is started with ``JUPYTER_PATH=path`` is such a fork.
"""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LIBRARIES = (
    "gymnasium", "ipykernel.kernelapp", "ipywidgets", "matplotlib.pyplot", "pandas", "PIL.Image",
    "plotly.graph_objects", "pymunk", "safetensors.torch", "torch",
)  # fmt: skip


@contextmanager
def nursery() -> Iterator[str]:
    """Run the nursery; gives the value of ``JUPYTER_PATH``."""
    with tempfile.TemporaryDirectory(prefix="lab") as folder:  # short: a socket's path has at most 100 characters
        spec, address = Path(folder, "kernels", "python3"), str(Path(folder, "nursery"))
        spec.mkdir(parents=True)
        argv = [sys.executable, __file__, address, "-f", "{connection_file}"]
        text = json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"})
        (spec / "kernel.json").write_text(text, "utf-8")
        # One thread for all kernels: torch reads their number as it is loaded
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        process = subprocess.Popen([sys.executable, __file__, address], env=environment, stdout=subprocess.PIPE)
        try:
            assert process.stdout and process.stdout.readline() == b"ready\n"
            yield folder
        finally:
            process.kill()
            process.wait(30)


def serve(address: str) -> None:
    """Load the libraries, and fork a kernel for each request, until the parent has ended."""
    parent = os.getppid()
    for name in LIBRARIES:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    server.settimeout(1)
    print("ready", flush=True)
    while os.getppid() == parent:
        with suppress(TimeoutError):
            client, _ = server.accept()
            client.setblocking(True)
            if os.fork() == 0:
                server.close()
                become(client)
            client.close()


def become(client: socket.socket) -> None:
    """Be the kernel that ``client`` asks for; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, files, *_ = socket.recv_fds(client, 1 << 20, 2)
    while not text.endswith(b"\n"):
        more = client.recv(1 << 20)
        if not more:
            os._exit(1)
        text += more
    request = json.loads(text)
    for target, file in zip((1, 2), files, strict=True):
        os.dup2(file, target)
        os.close(file)
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"], JPY_PARENT_PID=str(os.getppid()))
    sys.path[:], sys.argv[:] = request["path"], request["argv"]
    client.sendall(str(os.getpid()).encode())
    threading.Thread(target=lambda: (client.recv(1), os._exit(1)), daemon=True).start()  # it ends with its client
    with suppress(SystemExit):
        runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
    sys.stdout.flush()
    os._exit(0)


def ask(address: str, *arguments: str) -> None:
    """Ask the nursery for a kernel, and live as long as it does: a signal or our death reaches it, its end ends us."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(address)
    request = {
        "argv": ["ipykernel_launcher", *arguments],
        "env": dict(os.environ),
        "cwd": os.getcwd(),
        "path": [os.getcwd(), *sys.path[1:]],  # as of python -m; the kernel leaves the first out while it loads
    }
    socket.send_fds(client, [json.dumps(request).encode() + b"\n"], [1, 2])
    child = int(client.recv(64))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(child, number))
    client.recv(1)


if __name__ == "__main__":
    (ask if len(sys.argv) > 2 else serve)(*sys.argv[1:])
