"""Every page in a real browser: light and dark, wide and as on a phone, readable and named for screen readers.

The main picture, and what plays it, are seen without scrolling, and no page scrolls sideways.
"""

import pytest
from harness import PAGES, TOO_WIDE, faults, look, settled

PHONE = (390, 844)
SIZES = {(1440, 900): "light", (1024, 768): "dark", PHONE: "dark"}  #: windows in px, and their colour scheme
WIDTHS = (320, 1920)  #: px of further windows
CHART = "[data-testid='stPlotlyChart']"
#: by page: its main picture, and what plays it
PICTURES = {
    "start": (".player .scene", ".player .controls"),
    "landscape": (".relief .surface", ".relief .controls"),
    "gap": (CHART, None),
    "anatomy": (CHART, None),
    "plan": (".player .scene", ".player .controls"),
    "fool": ("canvas, .scene", None),
    "dream": ("canvas, .scene", None),
    "efficiency": (CHART, None),
    "results": (CHART, None),
    "results?view=pairs": (CHART, None),
    "train": (CHART, None),
    "train?part=inspect&model=adversarial": (CHART, None),
}


def test_no_page_is_left_out():
    assert {name.partition("?")[0] for name in PICTURES} == set(PAGES)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * ("?" in name)) for name in PICTURES])
def test_page(visit, name, tmp_path):
    path, _, query = name.partition("?")
    page = visit(path, query and f"?{query}")
    for (width, height), scheme in SIZES.items():
        look(page, width, scheme, height)
        assert sideways(page) == [], width
        for found in filter(None, PICTURES[name]):
            page.locator(found).first.wait_for()
        picture, bar = (box(page, found) if found else None for found in PICTURES[name])
        seen = min(1, (height - picture["y"]) / picture["height"])
        assert seen >= (0.5 if (width, height) == PHONE else 0.999), f"{width} x {height}: {picture}"
        assert bar is None or bar["y"] + bar["height"] <= height, f"{width} x {height}: {bar}"
        assert faults(page) == [], f"{width} px, {scheme}"
        assert len(page.screenshot(path=tmp_path / f"{path}-{scheme}-{width}.png")) > 20_000
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        assert sideways(page) == [], width


def test_a_page_is_one_step_of_the_history(visit):
    page = visit("efficiency", "?task=point_maze")
    before = page.evaluate("history.length")
    page.get_by_role("link", name="Your own").first.click()
    page.wait_for_url("**/train?task=point_maze")
    settled(page)
    assert page.evaluate("history.length") == before + 1
    page.go_back()
    page.wait_for_url("**/efficiency?task=point_maze")
    settled(page)
    assert {"lab_visitor"} < {cookie["name"] for cookie in page.context.cookies()}


def box(page, found: str) -> dict[str, float]:
    """Where the first of ``found`` is, once it has been laid out."""
    for _ in range(100):
        if place := page.locator(found).first.bounding_box():
            return place
        page.wait_for_timeout(50)  # it is being drawn again
    raise AssertionError(f"{found} has no place on the page")


def sideways(page) -> list[str]:
    return page.evaluate(TOO_WIDE)
