"""Fool the world model and Drive the dream, as pages without Python, and Fool the world model within the app."""

import re

import pytest
from harness import faults, is_trouble, motionless, settled, whole

from lab.cli import main
from lab.files import MODELS
from lab.web.pack import WORLDS
from lab.web.site import bundle, modules

SIZES = ((1440, 900), (1024, 768), (390, 844))
LARGEST = 15e6  # bytes of the exported folder

#: how much of the scene, and whether all of the row below it, is seen without scrolling
SEEN = """() => {
  const box = selector => document.querySelector(selector).getBoundingClientRect();
  const scene = box('.scene');
  const seen = Math.min(innerHeight, scene.bottom) - scene.top;
  return { scene: seen, size: scene.height, bar: box('.bar').bottom <= innerHeight };
}"""


@pytest.fixture
def still(browser, site):
    """``still(page, state)``: an exported page without motion; the test fails on anything in the console."""
    troubles, pages = [], []

    def open_page(name: str = "", state: str = ""):
        page = motionless(browser)
        pages.append(page)
        page.on("console", lambda message: troubles.append(message.text) if is_trouble(message) else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "request", lambda request: None if request.url.startswith((site, "data:")) else troubles.append(request.url)
        )
        page.goto(f"{site}{name}#{state}")
        page.locator("[data-state=ready]").wait_for()
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not troubles


def state(page) -> dict[str, str]:
    return page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")


def test_the_export_is_small_and_whole(exported):
    folder, said = exported
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sum(files.values()) < LARGEST and {"index.html", "dream.html"} < set(files)
    assert {f"{task}.safetensors" for task in WORLDS} < set(files) and "MB" in said
    named = {name for page in ("index.html", "dream.html") for name in links((folder / page).read_text("utf-8"))}
    assert named <= set(files)


def links(page: str) -> list[str]:
    return re.findall(r"""(?:href="|from '\./|: ')([\w.]+\.\w+)['"]""", page)


def test_a_folder_that_exists_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine").write_text("kept", "utf-8")
    assert main(["app", "export", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err and (tmp_path / "mine").read_text("utf-8") == "kept"


def test_bundles_have_no_imports_left():
    for name in ("fool", "dreams", "player", "dream", "relief"):
        text = bundle(name)
        assert not re.search(r"^import", text, re.M) and text.count("export default") == 1
        assert len(re.findall(r"^export (?!default)", text, re.M)) == 0 and modules(name)[-1].stem == name


@pytest.mark.parametrize("name", ["", "dream.html"])
def test_one_screen_in_both_themes(still, name):
    page = still(name, "steps=10")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(200)
            assert faults(page) == [], (width, scheme)
        seen = page.evaluate(SEEN)
        assert seen["bar"] and seen["scene"] >= seen["size"] - 1 and seen["size"] > 300, (width, seen)


@pytest.mark.parametrize("task", WORLDS)
def test_a_race_is_judged_in_words(still, task):
    page = still("", f"task={task}&steps=10&race=adversarial&starts=2")
    base, rival = sentences(page)
    assert base.startswith("Through Base, Adam ") and rival.startswith("Through Adversarial, Adam ")
    assert state(page)["race"] == "adversarial" and state(page)["starts"] == "2"
    page.get_by_role("radiogroup", name="World model").get_by_role("radio", name="Online").click()
    assert sentences(page)[0].startswith("Through Online") and state(page)["model"] == "online"


@pytest.mark.parametrize("task", WORLDS)
def test_the_first_picture_tells(still, task):
    base, finetuned = sentences(still("", f"task={task}&race=adversarial"))
    assert "Adam is" in base and "Adam reaches the goal" in finetuned


def sentences(page) -> list[str]:
    return page.locator(".verdict > p").all_inner_texts()


def test_goal_and_numbers_can_be_dragged(still):
    page = still("", "steps=10")
    before = page.locator(".scene .imagined").last.get_attribute("d")
    box = page.locator(".grip").last.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 60, steps=3)
    page.mouse.up()
    assert page.locator(".scene .imagined").last.get_attribute("d") != before and "goal" in state(page)
    page.get_by_role("slider", name="Adam’s steps", exact=True).press("ArrowRight")
    assert state(page)["steps"] == "20"
    page.get_by_role("button", name="Start and goal as the problem has them").click()
    assert "goal" not in state(page)


def test_a_link_shows_the_same(still):
    asked = "steps=10&lr=0.2&seed=3&goal=50.0,20.0&race=control"
    first, second = still("", asked), still("", asked)
    assert sentences(first) == sentences(second) and state(first) == state(second)
    expected = {"task": "wall", "steps": "10", "lr": "0.2", "seed": "3", "goal": "50,20", "race": "control"}
    assert state(first) == expected


MISFITS = (
    "model=none", "problem=99999", "problem=-1", "lr=x", "goal=a", "start=.,.", "starts=0", "steps=1e9", "foo=<b>",
    "task=constructor", "goal=99999,0",
)  # fmt: skip
DREAM_MISFITS = (
    "task=none", "task=constructor", "problem=-1", "goal=.,.", "start=1.2.3,4", "goal=99999,0", "strength=99",
    "drive=zz",
)  # fmt: skip


@pytest.mark.parametrize("asked", MISFITS)
def test_an_address_that_fits_nothing_is_answered(still, asked):
    page = still("", asked if asked.startswith("steps") else f"steps=10&{asked}")
    assert sentences(page)[0].startswith("Through Base")
    assert page.locator(".number").all_inner_texts()[2] == "1 random start"
    assert f"The address asks for {asked.split('=')[0]}, which is not there" in page.locator(".note").inner_text()


@pytest.mark.parametrize("asked", DREAM_MISFITS)
def test_an_address_of_a_drive_that_fits_nothing_is_answered(still, asked):
    page = still("dream.html", asked)
    assert sentences(page)[0] == "Base sees the world." and state(page) == {"task": "wall"}
    assert f"The address asks for {asked.split('=')[0]}, which is not there" in page.locator(".note").inner_text()


@pytest.mark.parametrize(
    ("name", "asked", "change"),
    [("", "steps=10", "Next problem"), ("dream.html", f"drive={'aeim' * 10}", "←")],
)
def test_an_animation_of_what_has_changed_is_given_up(still, name, asked, change):
    page = still(name, asked)
    files = []
    page.on("download", lambda file: files.append(file))
    page.get_by_text("Save animation").click()
    page.get_by_text(change, exact=True).click()
    page.get_by_text("Nothing is saved, for something has changed").wait_for()
    seen = page.locator(".scene .now").last.get_attribute("transform")
    asked = page.evaluate("location.hash.slice(1)")
    assert not files and still(name, asked).locator(".scene .now").last.get_attribute("transform") == seen


def test_an_animation_that_fails_is_said_to(browser, site):
    page = browser.new_page()
    page.goto(f"{site}dream.html#drive=aei")
    page.locator("[data-state=ready]").wait_for()
    page.evaluate("HTMLImageElement.prototype.decode = () => Promise.reject(new Error('broken')); null")
    page.get_by_text("Save animation").click()
    page.get_by_text("The animation has failed").wait_for()
    assert page.get_by_text("Save animation").is_enabled()
    page.close()


@pytest.mark.parametrize("task", WORLDS)
def test_every_key_is_a_block_at_once(still, task):
    page = still("dream.html", f"task={task}")
    counts = page.evaluate(
        """() => 'ArrowUp ArrowLeft ArrowDown ArrowRight ArrowUp ArrowUp ArrowLeft ArrowDown'.split(' ').map(key => {
          const player = document.querySelector('.player');
          player.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
          return Number(player.dataset.blocks);
        })"""
    )
    assert counts == [1, 2, 3, 4, 5, 6, 7, 8] and state(page)["drive"] == "mieammie"
    told = sentences(page)
    assert len(told) == len(MODELS) and all("blocks" in text or "block," in text for text in told)
    page.keyboard.press("w")
    assert all(text.endswith("sees the world.") for text in sentences(page))
    page.keyboard.press("Backspace")
    assert sentences(page) == told
    page.get_by_role("button", name="Begin again").click()
    assert "drive" not in state(page)


def test_a_drive_reaches_goals_and_has_no_end(still):
    page = still("dream.html", "drive=" + "aeimamieeaim" * 4)
    text = page.locator(".score").inner_text()
    assert re.search(r"\d+ goals? reached in 48 blocks", text) and "Dreamt on longest" in text


def test_within_the_app(app):
    test = app("fool")
    assert whole(test) and len(test.get("bidi_component")) == 1


def test_within_the_app_in_a_browser(visit):
    page = visit("fool")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("radiogroup", name="Task").get_by_role("radio", name="PointMaze").click()
    page.wait_for_function("location.hash.includes('task=point_maze')")
    settled(page)
    assert sentences(page)[0].startswith(("Through Base", "After"))
