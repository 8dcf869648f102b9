"""A first visit of every page, so that nobody waits for what is loaded once: ``python app/warm.py ADDRESS``.

`app/Dockerfile` starts it beside the server. It visits as a browser does, by Streamlit's websocket.
"""

import argparse
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress

from pages import VIEWS
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

PATIENCE = 300  #: s


def messages(server: str, page: str, query: str = "") -> Iterator[ForwardMsg]:
    """What a session of its own is sent by the ``server``, an address, until the page's script has run."""
    address = f"{server.rstrip('/').replace('http', 'ws', 1)}/_stcore/stream"
    options = {"subprotocols": ["streamlit"], "origin": server.rstrip("/"), "max_size": None, "ping_interval": None}
    with connect(address, **options) as connection:
        request = BackMsg()
        request.rerun_script.query_string = query
        request.rerun_script.page_name = page
        connection.send(request.SerializeToString())
        yield from _received(connection)


def _received(connection: ClientConnection) -> Iterator[ForwardMsg]:
    while True:
        message = ForwardMsg()
        message.ParseFromString(connection.recv(timeout=PATIENCE))
        if message.WhichOneof("type") == "script_finished":
            return
        yield message


def await_health(server: str) -> None:
    """Return once the ``server`` answers; raises TimeoutError if it does not within `PATIENCE`."""
    for _ in range(PATIENCE):
        with suppress(OSError), urllib.request.urlopen(f"{server.rstrip('/')}/_stcore/health", timeout=5):
            return
        time.sleep(1)
    raise TimeoutError(f"{server} has not answered within {PATIENCE} s.")


def warm(server: str) -> None:
    """Visit every page of the ``server``, one after the other, the one that a visitor sees first before all others."""
    await_health(server)
    for view in VIEWS:
        started = time.perf_counter()
        for _ in messages(server, "" if view is VIEWS[0] else view.name):
            pass
        print(f"{view.title}: {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Visit every page of the app once, so that nobody waits for what is loaded once.",
        epilog="example: python app/warm.py http://localhost:8501",
    )
    parser.add_argument("address", help="of the running app")
    warm(parser.parse_args().address)
