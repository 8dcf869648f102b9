"""Start: what this is about, and what came out of it."""

import streamlit as st

st.markdown(
    "A **world model** imagines what actions would lead to. **Gradient-based planning** follows the slope of that "
    "imagination towards a goal, and so finds just those actions on which the model is wrong. This lab shows how, why, "
    "and what two ways of training do about it."
)
