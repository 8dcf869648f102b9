"""The app: ``streamlit run app/main.py``. Sets the page up, runs it, and says what is wrong with the address."""

import logging

import cached
import numpy as np
import share
import streamlit as st
import uploads
import visitor
from pages import VIEWS
from PIL import Image
from state import DEFAULTS, arrive, close_menu, one_entry_a_page

from lab import variables
from lab.errors import LabError
from lab.tasks import make_task

FAULT = "This page has failed, by a fault of the app"
SMALL_HEAD = """<style>
[data-testid="stMainBlockContainer"] { padding-top: 3.8rem; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.6rem; padding: 0 0 0.2rem; }
.st-key-head { margin-bottom: -1rem; }
@media (max-width: 1000px) {
  .st-key-figure { overflow-x: auto; } .st-key-figure > * { min-width: 860px; }
  .st-key-figure::before { content: "Swipe sideways to see all of it"; position: sticky; left: 0; font-size: 0.8rem; }
}
:has(> .st-key-scripts) { position: absolute; width: 0; }
</style>"""  # so that a page's picture is on the first screen

task = make_task(DEFAULTS["task"])
icon = Image.fromarray(task.render(task.random_states(np.random.default_rng(0), 1)[0], 64)[0])
st.set_page_config(page_title="World-model planning lab", page_icon=icon, layout="wide")
cached.use_few_threads()
uploads.limit()
pages = {st.Page(view.path, title=view.title, icon=view.icon): view for view in VIEWS}
page = st.navigation(list(pages), position="top")
arrive(page.title)
st.html(SMALL_HEAD)
with st.container(key="scripts"):  # which take no place
    visitor.remember()
    one_entry_a_page()
    close_menu()
share.begin()
head = st.container(horizontal=True, vertical_alignment="center", key="head")
head.title(pages[page].heading, width="content")
complaints = st.container()
try:
    variables.use_machine()
    page.run()
    if not pages[page].in_browser:
        with head:
            share.button()
except LabError as error:
    st.error(str(error), icon=":material/error:")
except Exception as error:  # a fault of the app's: the log has it whole, and whoever meets it gets a way on
    logging.getLogger(__name__).exception("The page %s failed.", page.title)
    st.error(f"{FAULT} ({type(error).__name__}). This link, in a report, shows where:", icon=":material/error:")
    st.code(share.link(), language=None, wrap_lines=True)
    st.page_link(pages[page].path, label="Go on with this page as it is at first", query_params={})
finally:
    for sentence in st.session_state["complaints"]:
        complaints.info(sentence, icon=":material/link_off:")
