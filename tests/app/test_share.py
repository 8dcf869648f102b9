"""Sharing what a page shows, and looking at it on the full screen."""

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from harness import PAGES, commands, settled, whole
from PIL import Image, ImageSequence

from lab.cli import main

SHARED = {"start": 2, "plan": 2, "gap": 2, "anatomy": 1, "landscape": 3}  #: by page, the strips of its picture
FULL = "Boolean(document.fullscreenElement)"


def offered(test) -> list[str]:
    return [button.proto.label for button in test.get("download_button")]


@pytest.mark.parametrize("page", SHARED)
def test_link_and_picture(app, page):
    test = app(page, problem="3")
    assert whole(test) and "Film strip (PNG)" in offered(test)
    assert page == "start" or any(code.value.endswith("?problem=3") for code in test.code)
    import share

    strips = test.session_state["strips"]
    picture = Image.open(io.BytesIO(share.film(strips)))
    assert len(strips) == SHARED[page] and picture.height > 400 * len(strips)
    moving = Image.open(io.BytesIO(share.animation(strips)))
    assert "Animation (GIF)" in offered(test) and moving.n_frames == max(len(e.states) for _, e, _ in strips)
    assert moving.size == (198 * (1 + len(strips)) + 6, 20 + 2 * 198)


def test_a_goal_counts_where_success_is_judged(app, monkeypatch):
    test = app("plan", problem="3")
    import share

    ((heading, episode, model), *_) = test.session_state["strips"]
    nowhere = np.where(np.isin(np.arange(len(episode.states)), episode.ends), 2.0, 0.0)
    drawn = {}
    monkeypatch.setattr("lab.plots.save.drawing", lambda figure: b"")
    monkeypatch.setattr("lab.plots.filmstrip.filmstrip", lambda **parts: drawn.update(parts))
    share.film([(heading, replace(episode, distance={"full": nowhere}), model)])
    assert drawn["reached"].shape == (1, len(episode.blocks)) and not drawn["reached"].any()


@pytest.mark.parametrize("page", sorted(set(PAGES) - set(SHARED)))
def test_pages_without_a_scene_offer_their_link_alone(app, page):
    test = app("plan").switch_page(f"views/{page}.py").run()
    assert whole(test) and "Film strip (PNG)" not in offered(test)
    links = [code.value for code in test.code if code.value not in commands(test)]
    from pages import VIEWS

    own = {view.name for view in VIEWS if view.in_browser}
    assert own == {"fool", "dream"} and len(links) == (page not in own)


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        pytest.param("start", ".player", marks=pytest.mark.slow),  # of the same kind as the last
        ("landscape", ".relief"),
        pytest.param("fool", ".planning", marks=pytest.mark.slow),
        ("dream?task=push_t", ".player"),
    ],
)
def test_full_screen_of_scenes(visit, name, scene):
    path, _, query = name.partition("?")
    page = visit(path, query and f"?{query}")
    button = page.locator(f"{scene}[data-state='ready']").get_by_role("button", name="Full screen").first
    button.click()
    page.wait_for_function(FULL)
    button.click()
    page.wait_for_function(f"!{FULL}")
    settled(page)


@pytest.mark.slow
def test_full_screen_of_charts(visit):
    page = visit("efficiency")
    page.get_by_test_id("stPlotlyChart").first.hover()
    page.get_by_role("button", name="Fullscreen").first.click()
    page.get_by_role("button", name="Close fullscreen").first.wait_for()


@pytest.mark.parametrize("name", ["index.html#steps=10&race=adversarial", "dream.html#drive=aeiwmm"])
def test_pictures_of_an_exported_page(browser, site, tmp_path, name):
    page = browser.new_page()
    page.goto(f"{site}{name}")
    page.locator("[data-state='ready']").wait_for()
    moving = downloaded(page, "Save animation", tmp_path / "moving.gif")
    picture = downloaded(page, "Save picture", tmp_path / "picture.png").convert("RGB")
    page.close()
    assert picture.size == (1024, 1024) and len(picture.getcolors(1 << 20)) > 20
    frames = [np.asarray(frame.convert("RGB"), float) for frame in ImageSequence.Iterator(moving)]
    assert len(frames) > 15 and moving.info["duration"] == 1500 and moving.info["loop"] == 0
    assert sum(np.abs(a - b).max() > 50 for a, b in pairwise(frames)) > len(frames) / 2
    assert np.abs(frames[-1] - np.asarray(picture.resize(moving.size), float)).mean() < 4  # of 255: it ends as it is


def downloaded(page, button: str, path: Path) -> Image.Image:
    """The picture that the ``button`` saves."""
    with page.expect_download() as download:
        page.get_by_text(button).click()
    download.value.save_as(path)
    return Image.open(path)


def test_previews_of_links(exported, tmp_path, capsys):
    for page in ("index.html", "dream.html"):
        text = (exported[0] / page).read_text("utf-8")
        assert '<meta property="og:image" content="https://me.org/lab/preview.png">' in text
    assert Image.open(exported[0] / "preview.png").size == (880, 550)
    assert main(["app", "export", str(tmp_path / "other"), "--address", 'me.org"><script>']) == 2
    assert "address is https://" in capsys.readouterr().err and not (tmp_path / "other").exists()
