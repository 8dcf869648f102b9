"""The app: ``streamlit run app/main.py``. Sets the page up, says what is wrong with the address, runs the page."""

import cached
import numpy as np
import streamlit as st
from PIL import Image
from state import arrive, url_complaints

from lab.errors import LabError
from lab.tasks import make_task

PAGES = [
    st.Page("views/plan.py", title="Live planning", icon=":material/route:", default=True),
    st.Page("views/results.py", title="Results", icon=":material/table_chart:"),
]

icon = Image.fromarray(make_task("point_maze").render(np.array([[2.8, 2.8, 0.0, 0.0]]), 64)[0])
st.set_page_config(page_title="World-model planning lab", page_icon=icon, layout="wide")
cached.use_few_threads()
page = st.navigation(PAGES, position="top")
arrive(page.url_path)
st.title(page.title)
for complaint in url_complaints(st.query_params.to_dict()):
    st.info(complaint, icon=":material/link_off:")
try:
    page.run()
except LabError as error:
    st.error(str(error), icon=":material/error:")
