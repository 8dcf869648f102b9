"""The words of the field, explained on hover or focus, so that prose can use them."""

import html
import re

import streamlit as st

TERMS = {
    "world model": "A network that predicts what the world will look like after an action; it works on latents.",
    "latent": "The few numbers that the encoder makes of a picture.",
    "gradient-based planning": "Change a sequence of actions along the gradient of the planning loss, through the "
    "unrolled world model, again and again.",
    "planning loss": "How far the last imagined latent is from the goal's latent.",
    "CEM": "The cross-entropy method: try many random plans, keep the best, sample around them again. No gradients.",
    "Adam": "Gradient descent with a step size of its own for every action.",
    "open loop": "Plan once, then execute all of it blindly.",
    "MPC": "Model-predictive control: plan, execute the first block of actions, look, plan again.",
    "train-test gap": "The model's error where its planner goes, minus its error along the data.",
    "success radius": "How near to the goal counts as reached.",
    "Base": "The world model as trained on the data alone.",
    "Control": "The base model, trained as much longer on the same data: what the two methods must beat.",
    "Online": "Finetuned on what its own plans really do, as the simulator shows.",
    "Adversarial": "Finetuned on the worst small disturbances of latents and actions. Needs no simulator.",
    "model error": "Mean squared distance of the imagined to the true latent of the picture.",
}
STYLE = """<style>
.term { position: relative; border-bottom: 2px dotted color-mix(in srgb, currentColor 60%, transparent); cursor: help; }
.term > span { display: none; position: absolute; left: 0; bottom: 1.7em; width: max-content; max-width: 19rem;
  padding: .5em .7em; border-radius: 8px; background: #23262e; color: #f4f4f6; font-size: .85rem; line-height: 1.35;
  z-index: 9; box-shadow: 0 2px 10px #0005; font-weight: 400; }
.term:hover > span, .term:focus > span { display: block; }
@media (max-width: 700px) { .term { position: static; } }  /* above its paragraph, which is as wide as the screen */
</style>"""


def prose(text: str, size: str = "1rem") -> None:
    """A paragraph in which ``[[term]]`` is one of `TERMS`, ``[[term|as written]]`` the same in other words."""
    st.html(f'{STYLE}<p style="font-size:{size};line-height:1.6;margin:0;position:relative">{with_terms(text)}</p>')


def with_terms(text: str) -> str:
    """HTML of ``text``, everything else in it taken literally."""
    return re.sub(r"\[\[([^]|]+)(?:\|([^]]+))?\]\]", _explained, html.escape(text))


def _explained(match: re.Match) -> str:
    term, written = match[1], match[2] or match[1]
    return f'<span class="term" tabindex="0">{written}<span role="tooltip">{html.escape(TERMS[term])}</span></span>'
