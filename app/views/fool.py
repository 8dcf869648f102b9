"""Fool the world model: planning in the browser. Start and goal can be dragged, and the dream follows at once."""

import cached
import player
import streamlit as st
import widgets
from glossary import prose
from state import complain, literal, task_now

from lab.errors import LabError
from lab.web.pack import WORLDS

INTRO = (
    "Here [[gradient-based planning]] runs in your browser, model and simulator included: nothing is asked of the "
    "server. python -m lab app export DIR writes this page and Drive the dream as a folder for any web server."
)


def page() -> None:
    asked = st.query_params.get("task", task_now())
    task = asked if asked in WORLDS else WORLDS[0]
    if asked != task:
        complain(f"No browser plans task = '{literal(asked[:30])}'; you see the default. Live planning has all tasks.")
    try:
        player.fool("fool", {name: cached.for_browser(name) for name in WORLDS}, task)
    except LabError as error:
        widgets.offer_other_model(task, error)
    prose(INTRO)


page()
