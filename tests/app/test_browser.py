"""Every page in a real browser: light and dark, wide and as on a phone, readable and named for screen readers.

The main picture, and what plays it, are seen without scrolling, and no page scrolls sideways.
"""

import pytest
from harness import DEFAULT, PAGES, PARTICLES, TOO_WIDE, faults, look, misdrawn, settled
from load import messages

from lab.benchmarks import CARDS
from lab.web.pack import WORLDS

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
    "fool": (".scene", ".bar"),
    "dream": (".scene", ".bar, .pad"),
    "efficiency": (CHART, None),
    "results": (CHART, None),
    "results?view=pairs": (CHART, None),
    "train": (CHART, None),
    "train?part=inspect&model=adversarial": (CHART, None),
}
PLANS = ("landscape", "gap", "anatomy", "plan")  #: pages on which the server plans, for minutes on the slowest task
STEERED_OR_KEPT = ("dream", "efficiency", "results")  #: pages that say why they have no picture of particles


def of_tasks() -> list:
    """Each page of each task but the one it opens on, which is Wall; the start page shows nothing else."""
    tasks = dict.fromkeys(PICTURES, CARDS) | {"start": (), "fool": WORLDS}
    return [
        pytest.param(name, task, marks=[pytest.mark.slow] * (task == "granular" and name in PLANS))
        for name in PICTURES
        for task in tasks[name]
        if task != "wall"
    ]


def test_no_page_is_left_out():
    assert {name.partition("?")[0] for name in PICTURES} == set(PAGES)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * ("?" in name)) for name in PICTURES])
def test_page(visit, name, tmp_path):
    path, _, query = name.partition("?")
    page = visit(path, query and f"?{query}")
    for (width, height), scheme in SIZES.items():
        look(page, width, scheme, height)
        on_first_screen(page, *PICTURES[name])
        assert faults(page) == [], f"{width} px, {scheme}"
        assert len(page.screenshot(path=tmp_path / f"{path}-{scheme}-{width}.png")) > 20_000
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        assert page.evaluate(TOO_WIDE) == [], width


@pytest.mark.parametrize(("name", "task"), of_tasks())
def test_page_of_task(visit, server, name, task):
    path, _, query = name.partition("?")
    if task == "granular" and path in PLANS:  # computed before, as it takes longer than a page is waited for
        assert list(messages(server, path, f"task={task}"))
    chosen = f"#task={task}" if path == "fool" else f"?{query}{'&' * bool(query)}task={task}"
    page = visit(path, chosen)
    for (width, height), scheme in SIZES.items():
        look(page, width, scheme, height)
        if task in PARTICLES and path in STEERED_OR_KEPT:
            page.get_by_test_id("stAlertContentInfo").first.wait_for()
        else:
            on_first_screen(page, *PICTURES[name])
        assert misdrawn(page) == [], f"{width} px, {scheme}"


def test_the_phones_menu_closes_when_a_page_is_chosen(visit):
    page = visit(DEFAULT, width=PHONE[0])
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    for title, path in (("Results", "results"), ("Your own", "train")):
        page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_test_id("stSidebar").get_by_role("link", name=title).click()
        page.wait_for_url(f"**/{path}*")
        settled(page)
        page.wait_for_function(MENU_IS_AWAY)
        assert page.get_by_role("heading", level=1).first.is_visible()


#: nothing of the menu is left in the window
MENU_IS_AWAY = """() => {
  const menu = document.querySelector('[data-testid=stSidebar]');
  return !menu || menu.getBoundingClientRect().right <= 0;
}"""


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


def on_first_screen(page, picture: str, bar: str | None) -> None:
    """Fail unless the picture, half of it on a phone, and the bar that plays it are seen without scrolling."""
    for found in filter(None, (picture, bar)):
        page.locator(found).first.wait_for()
    size, place = page.viewport_size, box(page, picture)
    phone = (size["width"], size["height"]) == PHONE
    seen = min(1, (size["height"] - place["y"]) / place["height"])
    assert seen >= (0.5 if phone else 0.999), f"{size}: {place}"
    if bar and not (phone and page.locator(".pad").count()):  # a phone's taps on the picture do what the pad does
        place = box(page, bar)
        assert place["y"] + place["height"] <= size["height"], f"{size}: {place}"


def box(page, found: str) -> dict[str, float]:
    """Where the first of ``found`` is, once it has been laid out."""
    for _ in range(100):
        if place := page.locator(found).first.bounding_box():
            return place
        page.wait_for_timeout(50)  # it is being drawn again
    raise AssertionError(f"{found} has no place on the page")
