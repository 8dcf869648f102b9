"""How much of visitors' files the server holds: the limits are enforced where a file arrives, whoever sends it."""

import streamlit as st
from starlette.exceptions import HTTPException
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from lab import variables
from lab.models.inspect import LARGEST

EACH, ALL = 2 * LARGEST, 8 * LARGEST  #: MiB of files: of one session, and of all


@st.cache_resource(show_spinner=False)
def limit() -> None:
    """Have this server refuse what is too much."""
    if Runtime.exists():
        limited(Runtime.instance().uploaded_file_mgr)


def limited(manager: MemoryUploadedFileManager) -> None:
    """Have the ``manager`` of files, which has no limits of its own, refuse what is too much."""
    add = manager.add_file

    def add_file(session_id: str, file) -> None:
        if variables.read_only():
            raise HTTPException(403, "This server takes no files")
        sizes = {key: sum(len(kept.data) for kept in files.values()) for key, files in [*manager.file_storage.items()]}
        own = sizes.get(session_id, 0)
        for filled, most in ((own, EACH), (sum(sizes.values()), ALL)):
            if filled + len(file.data) > most * 2**20:
                raise HTTPException(413, f"More than {most} MiB of files: remove some first")
        add(session_id, file)

    manager.add_file = add_file
