"""The app: ``streamlit run app/main.py``. Sets the page up, runs it, and says what is wrong with the address."""

import cached
import numpy as np
import streamlit as st
from PIL import Image
from state import arrive

from lab.errors import LabError
from lab.tasks import make_task

VIEWS = {
    "start": ("Start", ":material/home:"),
    "landscape": ("Loss landscape", ":material/landscape:"),
    "gap": ("Train-test gap", ":material/compare_arrows:"),
    "plan": ("Live planning", ":material/route:"),
    "dream": ("Drive the dream", ":material/sports_esports:"),
    "efficiency": ("Efficiency", ":material/timer:"),
    "results": ("Results", ":material/table_chart:"),
    "train": ("Your own", ":material/model_training:"),
}

icon = Image.fromarray(make_task("point_maze").render(np.array([[2.8, 2.8, 0.0, 0.0]]), 64)[0])
st.set_page_config(page_title="World-model planning lab", page_icon=icon, layout="wide")
cached.use_few_threads()
present = [name for name in VIEWS if (cached.VIEWS / f"{name}.py").is_file()]
pages = [st.Page(f"views/{name}.py", title=VIEWS[name][0], icon=VIEWS[name][1]) for name in present]
page = st.navigation(pages, position="top")
arrive(page.title)
st.title(page.title)
complaints = st.container()
try:
    page.run()
except LabError as error:
    st.error(str(error), icon=":material/error:")
finally:
    for sentence in st.session_state["complaints"]:
        complaints.info(sentence, icon=":material/link_off:")
