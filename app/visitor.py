"""Who visits: a browser, known by a token that it keeps, so that what it has started is its own after a reload, too."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

COOKIES = ("lab_visitor", "_streamlit_xsrf")  #: the second is Streamlit's own, and goes when the browser is closed
KEEP = """<script>
const kept = Object.fromEntries(document.cookie.split('; ').map(text => text.split(/=(.*)/)));
const token = kept.lab_visitor ?? kept._streamlit_xsrf;
if (token) document.cookie = `lab_visitor=${token}; max-age=31536000; path=/; SameSite=Strict`;
</script>"""


def remember() -> None:
    """Have the browser keep its token for a year."""
    st.html(KEEP, unsafe_allow_javascript=True)


def visitor() -> str:
    """The visitor's token; where the browser keeps none, the session."""
    tokens = filter(None, (_token(st.context.cookies.get(name, "")) for name in COOKIES))
    context = get_script_run_ctx()
    return next(tokens, context.session_id if context else "")


def _token(cookie: str) -> str:
    """The token in a ``cookie`` that reads version|mask|masked token|time, else nothing."""
    try:
        _, mask, masked, _ = cookie.split("|")
        key = bytes.fromhex(mask)
        return bytes(byte ^ key[i % len(key)] for i, byte in enumerate(bytes.fromhex(masked))).hex()
    except (ValueError, ZeroDivisionError):
        return ""
