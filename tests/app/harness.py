"""Helpers for the tests of the app: pages in Streamlit's own runner and in a real browser."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from lab.benchmarks import CARDS
from lab.files import ROOT
from lab.planning import PLANNERS, Settings

APP = ROOT / "app"
DEFAULT = "start"  #: the page one arrives at without naming any
PAGES = sorted(path.stem for path in (APP / "views").glob("*.py"))
STEERED = tuple(task for task, card in CARDS.items() if card.scene.bodies)  #: tasks with a body to follow
PARTICLES = tuple(task for task in CARDS if task not in STEERED)
TASKS = (*STEERED, "rope")  #: and the quicker one of those with particles
#: for pages on which these tasks take half a minute; *Live planning* and *Drive the dream* have them all
BRIEF = [pytest.param(task, marks=[pytest.mark.slow] * (task in ("push_t", "rope"))) for task in TASKS]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--process-per-site"]  # fmt: skip
LOOKS = ((1280, "light"), (1280, "dark"), (390, "dark"))  #: width and scheme every page is seen in
PATIENCE = 120_000  #: ms


def quick(settings: Settings) -> Settings:
    """The same planners, with a few iterations and samples only."""
    short = {"iterations": 3, "samples": 10, "elites": 3}
    options = {
        name: {**settings.options.get(name, {}), **{key: few for key, few in short.items() if hasattr(planner, key)}}
        for name in PLANNERS
        if (planner := settings.planner(name))
    }
    return replace(settings, options=options)


def address(test: AppTest) -> dict[str, str]:
    """What the address says beyond the page."""
    return {key: value if isinstance(value, str) else value[-1] for key, value in test.query_params.items()}


def commands(test: AppTest) -> list[str]:
    """The commands of the lab that the page shows."""
    return [code.value for code in test.code if code.value.startswith("python -m lab")]


def whole(test: AppTest) -> bool:
    """Fail unless the page ran to its end without an error."""
    assert not test.exception, [error.value for error in test.exception]
    assert not test.error, [error.value for error in test.error]
    return True


@contextmanager
def served(environment: dict[str, str]) -> Iterator[tuple[str, psutil.Process]]:
    """The address and the process of the app while it is served as users would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.headless=true"]
    process = subprocess.Popen(
        [*command, f"--server.port={port}"], cwd=ROOT, env=os.environ | environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(f"http://localhost:{port}/_stcore/health", process)
        yield f"http://localhost:{port}/", psutil.Process(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


@contextmanager
def files_served(folder: Path) -> Iterator[str]:
    """The address of the files in ``folder``, on a server that does nothing else."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Not between the tests' lines."""


def motionless(browser):
    """A new page of the ``browser`` that asks for no motion, and waits long for what it is told to find."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.emulate_media(reduced_motion="reduce")
    return page


def _wait_for(address: str, process: subprocess.Popen) -> None:
    for _ in range(PATIENCE // 500):
        assert process.poll() is None, "the server ended"
        with suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.5)
    raise AssertionError("the server did not answer")


def settled(page) -> None:
    """Wait until the script has run and every chart and canvas is drawn."""
    page.locator("[data-testid='stApp'][data-test-script-state='notRunning']").wait_for()
    page.wait_for_function(DRAWN)


def is_trouble(message) -> bool:
    """Whether a console message is an error of ours: Streamlit looks for its server below the page's path first."""
    return message.type == "error" and "/_stcore/" not in message.location["url"]


def look(page, width: int, scheme: str, height: int = 1500) -> None:
    """See the page in another window (px) and colour scheme."""
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    want_light = "true" if scheme == "light" else "false"
    page.wait_for_function(f"({BRIGHT})() === {want_light}")
    settled(page)


def faults(page) -> list[str]:
    """What would keep people from reading or using the page as it is shown now."""
    return [*misdrawn(page), *page.evaluate(UNNAMED), *page.evaluate(FAINT)]


def misdrawn(page) -> list[str]:
    """Errors, what is cut off, and text of drawings that cannot be read."""
    kinds = (FAILED, TOO_WIDE, TOO_SMALL, LOST_TICKS, OVERPRINTED, CUT)
    return [fault for kind in kinds for fault in page.evaluate(kind)]


def number_in(text: str, key: str) -> float:
    """The number that an address gives to ``key``."""
    return float(re.search(rf"{key}=([-\d.]+)", text)[1])


#: every chart has its drawing, every canvas player says that it is ready, no skeleton is left
DRAWN = """() => document.querySelector("[data-testid='stMain'] h1, [data-testid='stMain'] h2")
  && [...document.querySelectorAll("[data-testid='stPlotlyChart']")].every(e => e.querySelector('.main-svg'))
  && !document.querySelector("[data-testid='stSkeleton']")
  && [...document.querySelectorAll('[data-state]')].every(e => e.dataset.state !== 'loading')"""

BRIGHT = """() => getComputedStyle(document.querySelector("[data-testid='stApp']")).backgroundColor
  .match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) > 380"""

#: the page, or what scrolls in it, goes on beside the window; even what is hidden can do that
TOO_WIDE = """() => [document.scrollingElement, ...document.querySelectorAll('[data-testid=stMain]')]
  .filter(e => e.scrollWidth > e.clientWidth).map(e => `${e.tagName} is ${e.scrollWidth} px wide`)"""

#: text of drawings below 10 px, as large as it is seen
TOO_SMALL = """() => [...document.querySelectorAll('svg text')].filter(e => e.checkVisibility() && e.textContent.trim())
  .map(e => [parseFloat(getComputedStyle(e).fontSize) * Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b), e])
  .filter(([size]) => size < 9.9).map(([size, e]) => `${size.toFixed(1)} px: ${e.textContent}`)"""

#: axes with a single tick, and ticks whose labels have no room (panels that share an axis have none to show)
LOST_TICKS = """() => {
  const layers = '.xaxislayer-above, .yaxislayer-above, .charts svg';
  const labels = e => [...e.querySelectorAll('.xtick text, .ytick text, [text-anchor=end]')];
  return [...document.querySelectorAll(layers)].map(labels).flatMap(all => [
    ...(all.length === 1 ? [`one tick: ${all[0].textContent}`] : []),
    ...all.filter(e => !e.checkVisibility()).map(e => `no room for ${e.textContent}`)]);
}"""

#: texts of one chart that are printed over one another by more than the air around their letters
OVERPRINTED = """() => {
  const chart = e => e.closest('[data-testid=stPlotlyChart]') ?? e.ownerSVGElement;
  const texts = [...document.querySelectorAll('svg text')].filter(e => e.checkVisibility() && e.textContent.trim())
    .map(e => [e, e.getBoundingClientRect()]);
  const shared = (a, b) => [Math.min(a.right, b.right) - Math.max(a.left, b.left),
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)];
  const over = ([e, a], [f, b]) => chart(e) === chart(f) && shared(a, b)[0] > 2 && shared(a, b)[1] > 4;
  return texts.flatMap((one, i) => texts.slice(i + 1).filter(other => over(one, other))
    .map(([e]) => `'${one[0].textContent}' and '${e.textContent}' are printed over one another`));
}"""

#: texts of a chart that go on beyond its edge
CUT = """() => [...document.querySelectorAll('svg text')].filter(e => e.checkVisibility() && e.textContent.trim())
  .map(e => [e, e.getBoundingClientRect(), e.ownerSVGElement.getBoundingClientRect()])
  .filter(([, text, all]) => text.left < all.left - 2 || text.right > all.right + 2)
  .map(([e]) => `cut off: ${e.textContent}`)"""

#: boxes that say that something has failed
FAILED = """() => [...document.querySelectorAll('[data-testid=stAlertContentError], [data-testid=stException]')]
  .map(e => `failed: ${e.innerText}`)"""

#: pictures, buttons and fields that a screen reader has no name for (those in components included)
UNNAMED = """() => {
  const all = root => [...root.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
  const shown = e => e.getClientRects().length && getComputedStyle(e).visibility !== 'hidden';
  const asks = e => e.matches('img, button, canvas, input:not([type=hidden]), select, textarea, [role=img], a[href]');
  const named = e => e.alt || e.ariaLabel || e.title || e.innerText?.trim() || e.labels?.length
    || e.getAttribute('aria-labelledby') || (e.matches('img') && e.getAttribute('alt') === '')
    || e.closest('[aria-hidden=true], [data-testid=stDataFrame]') || e.closest('label')?.innerText.trim();
  return all(document).filter(e => asks(e) && shown(e) && !named(e)).map(e => 'no name: ' + e.outerHTML.slice(0, 160));
}"""

#: text whose contrast against its background is below 4.5 (below 3 for large text), as WCAG AA asks
FAINT = """() => {
  const parse = text => { const p = (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    return text.startsWith('color(srgb') ? [p[0]*255, p[1]*255, p[2]*255, p[3] ?? 1] : [p[0], p[1], p[2], p[3] ?? 1] };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const up = e => e.parentElement || e.getRootNode().host;
  const ground = e => { if (!e) return [255, 255, 255];
    const colour = parse(getComputedStyle(e).backgroundColor);
    return colour[3] === 1 ? colour : over(colour, ground(up(e))) };
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b };
  const faint = e => { const style = getComputedStyle(e), under = ground(e);
    let opacity = 1; for (let x = e; x; x = up(x)) opacity *= Number(getComputedStyle(x).opacity);
    const colour = parse(style.color); colour[3] *= opacity;
    const [a, b] = [light(over(colour, under)), light(under)].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
    return (a + .05) / (b + .05) < (large ? 3 : 4.5) ? ((a + .05) / (b + .05)).toFixed(2) : null };
  const all = root => [...root.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
  const theirs = 'svg, [disabled], [aria-disabled=true], [data-testid=stIconMaterial], [data-testid=stJson], '
    + '[data-testid=stSliderThumbValue]';
  const seen = {visibilityProperty: true, opacityProperty: true};
  return all(document).filter(e => e.checkVisibility(seen) && !e.closest(theirs)
    && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .filter(e => !['STYLE', 'SCRIPT', 'TITLE', 'NOSCRIPT', 'OPTION'].includes(e.tagName))
    .map(e => [faint(e), e]).filter(([ratio]) => ratio !== null)
    .map(([ratio, e]) => `contrast ${ratio}: ${e.innerText?.slice(0, 60)} <${e.className.toString().slice(0, 40)}>`);
}"""
