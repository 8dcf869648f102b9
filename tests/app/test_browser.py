"""Every page in a real browser: light and dark, wide and as on a phone, readable and named for screen readers.

The main picture, and what plays it, are seen without scrolling, and no page scrolls sideways.
"""

import pytest
from harness import LOOKS, PAGES, faults, look, settled

SIZES = ((1440, 900), (1024, 768))
PHONE = (390, 844)
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


@pytest.mark.parametrize("name", PICTURES)
def test_page(visit, name, tmp_path):
    path, _, query = name.partition("?")
    page = visit(path, query and f"?{query}")
    for width, height in (*SIZES, PHONE):
        resized(page, width, height)
        for found in filter(None, PICTURES[name]):
            page.locator(found).first.wait_for()
        picture, bar = (page.locator(found).first.bounding_box() if found else None for found in PICTURES[name])
        seen = min(1, (height - picture["y"]) / picture["height"])
        assert seen >= (0.5 if (width, height) == PHONE else 0.999), f"{width} x {height}: {picture}"
        assert bar is None or bar["y"] + bar["height"] <= height, f"{width} x {height}: {bar}"
    for width in WIDTHS:
        resized(page, width, 900)
    for width, scheme in LOOKS:
        look(page, width, scheme)
        assert faults(page) == [], f"{width} px, {scheme}"
        assert len(page.screenshot(path=tmp_path / f"{path}-{scheme}-{width}.png")) > 20_000


def resized(page, width: int, height: int) -> None:
    """See the page in another window, in which it does not scroll sideways."""
    page.set_viewport_size({"width": width, "height": height})
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
