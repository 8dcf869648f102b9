"""A kernel that starts at once: a fork of a process that has the large libraries loaded, and nothing of the lab.

``install(folder, owner)`` writes the kernel's specification for ``JUPYTER_PATH=folder``.
The first kernel starts the process to fork from, the nursery, which ends with the process ``owner``.
"""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

LIBRARIES = (
    "gymnasium", "ipykernel.kernelapp", "ipywidgets", "matplotlib.pyplot", "pandas", "PIL.Image",
    "plotly.graph_objects", "pymunk", "safetensors.torch", "torch",
)  # fmt: skip


def install(folder: Path, owner: int) -> None:
    """Every ``python3`` kernel started with ``JUPYTER_PATH=folder`` will be such a fork."""
    spec = folder / "kernels" / "python3"
    spec.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, __file__, str(folder / "nursery"), str(owner), "-f", "{connection_file}"]
    text = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(text), "utf-8")


def kernel(address: str, owner: str, *arguments: str) -> int:
    """Ask the nursery for a kernel, and live as long as it does: a signal or our death reaches it, its end ends us."""
    from filelock import FileLock

    client = socket.socket(socket.AF_UNIX)
    with FileLock(f"{address}.lock"):
        try:
            client.connect(address)
        except OSError:  # the first of all kernels
            Path(address).unlink(missing_ok=True)
            subprocess.Popen(
                [sys.executable, __file__, address, owner],
                env=os.environ | {"OMP_NUM_THREADS": "1"},  # that of all kernels: torch reads it as it is loaded
                start_new_session=True,
                **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL),
            )
            while True:
                time.sleep(0.05)
                with suppress(OSError):
                    client.connect(address)
                    break
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
    return client.recv(1) != b""


def nursery(address: str, owner: str) -> None:
    """Load the libraries, and fork a kernel for each request, until ``owner`` has ended."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    for name in LIBRARIES:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    server.settimeout(1)
    while psutil.pid_exists(int(owner)):
        with suppress(TimeoutError):
            client, _ = server.accept()
            client.setblocking(True)
            if os.fork() == 0:
                server.close()
                born(client)
            client.close()


def born(client: socket.socket) -> None:
    """Become the kernel that ``client`` asks for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, files, *_ = socket.recv_fds(client, 1 << 20, 2)
    while not text.endswith(b"\n"):
        text += client.recv(1 << 20)
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
    threading.Thread(target=lambda: (client.recv(1), os._exit(1)), daemon=True).start()
    code = 1
    with suppress(SystemExit):
        runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
        code = 0
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(kernel(*sys.argv[1:]) if len(sys.argv) > 3 else nursery(*sys.argv[1:]))
