"""A phone has neither keys nor a mouse: what the pages offer answers a finger, which elsewhere scrolls them."""

import pytest
from harness import motionless, number_in, settled

PHONE = {"width": 390, "height": 844}
DRIVEN = "letters => RegExp(`drive=${letters}($|&)`).test(location.href)"


class Finger:
    """A finger on ``page``, which becomes a phone's."""

    def __init__(self, page) -> None:
        page.set_viewport_size(PHONE)
        self.page, self.chromium = page, page.context.new_cdp_session(page)
        self.chromium.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})

    def drag(self, *points: tuple[float, float]) -> None:
        """Put it down on the first of ``points`` (px of the window), move it along the others, and lift it."""
        for kind, point in zip(["touchStart", *["touchMove"] * len(points[1:])], points, strict=True):
            x, y = point
            self.chromium.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        self.chromium.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def tap(self, found, right: float = 0.5, down: float = 0.5) -> None:
        """Tap what was ``found``, at these shares of its width and height."""
        found.scroll_into_view_if_needed()
        self.drag(inside(found, right, down))

    def swipe_up(self, found) -> None:
        """Begin on what was ``found``, and go 300 px up."""
        x, y = inside(found, 0.5, 0.5)
        self.drag(*((x, y - far) for far in range(0, 301, 30)))


def inside(found, right: float, down: float) -> tuple[float, float]:
    box = found.bounding_box()
    return box["x"] + right * box["width"], box["y"] + down * box["height"]


@pytest.fixture
def exported_page(browser, site):
    """``exported_page(name)``: an exported page without motion."""
    pages = []

    def open_page(name: str):
        page = motionless(browser)
        pages.append(page)
        page.goto(f"{site}{name}")
        page.locator("[data-state=ready]").wait_for()
        return page

    yield open_page
    for page in pages:
        page.close()


def scrolled(page) -> float:
    return page.evaluate("scrollY")


def test_start_goal_and_numbers_are_dragged(exported_page):
    page = exported_page("index.html#steps=10")
    finger = Finger(page)
    for i, name in enumerate(("start", "goal")):
        x, y = inside(page.locator(".grip .touch").nth(i), 0.5, 0.5)
        finger.drag((x, y), (x - 20, y + 20), (x - 50, y + 60), (x - 60, y + 80))
        page.wait_for_function(f"location.hash.includes('{name}=')")
    number = page.get_by_role("slider", name="Adam’s steps", exact=True)
    x, y = inside(number, 0.5, 0.5)
    finger.drag((x, y), (x + 10, y), (x + 20, y), (x + 32, y))
    page.wait_for_function("location.hash.includes('steps=30')")
    assert scrolled(page) == 0


@pytest.mark.parametrize("name", ["index.html#steps=10", "dream.html"])
def test_a_finger_on_the_picture_scrolls_the_page(exported_page, name):
    page = exported_page(name)
    Finger(page).swipe_up(page.locator(".scene"))
    page.wait_for_function("scrollY > 50")
    assert "goal" not in page.url and "drive" not in page.url


def test_the_dream_is_driven(exported_page):
    page = exported_page("dream.html")
    finger = Finger(page)
    finger.tap(page.get_by_role("button", name="Left (arrow key)"))
    page.wait_for_function(DRIVEN, arg="i")
    finger.tap(page.locator(".scene"), 0.05, 0.95)  # to the lower left
    page.wait_for_function(DRIVEN, arg="i[e-i]")
    finger.tap(page.get_by_role("button", name="Begin again (Home)"))
    page.wait_for_function("!location.href.includes('drive')")
    assert scrolled(page) == 0


def test_a_dream_on_the_server_is_driven(visit):
    page = visit("dream", "?task=push_t&problem=8")
    finger = Finger(page)
    settled(page)
    finger.tap(page.get_by_role("button", name="Left (arrow key)"))
    page.wait_for_function(DRIVEN, arg="i")
    settled(page)
    finger.tap(page.locator(".scene"), 0.02, 0.5)  # to the left
    page.wait_for_function(DRIVEN, arg="i[f-k]")


def test_the_goal_of_live_planning_goes_where_a_finger_taps(visit):
    page = visit("plan")
    finger = Finger(page)
    settled(page)
    finger.tap(page.locator(".player .scene").first, 0.7, 0.7)
    page.wait_for_url("**goal_x=**")
    assert number_in(page.url, "goal_x") == pytest.approx(0.7 * 65 - 0.5, abs=0.5)
