"""What the tests of the app share: a cache of tiny models, the app in Streamlit's runner, a server and a browser."""

import contextlib
import functools
import io
import shutil
import sys

import pytest
from harness import APP, CHROMIUM, DEFAULT, FLAGS, PATIENCE, TASKS, files_served, is_trouble, quick, served, settled
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from lab.benchmarks import CARDS
from lab.cli import main
from lab.data import HORIZON
from lab.files import MODELS
from lab.models import load_model
from lab.models.initialisation import InitialisationNetwork, save_initialisation
from lab.training.latents import encoder_hash


@pytest.fixture(scope="session", autouse=True)
def packages_scanned_once():
    """Streamlit's runner looks through all installed packages for components, at every run: for most of a second."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield


@pytest.fixture(autouse=True)
def committed_results(monkeypatch, tmp_path_factory):
    """The pages of Streamlit's runner have the committed results, and not what was made beside them."""
    monkeypatch.syspath_prepend(str(APP))
    import cached

    folder = tmp_path_factory.mktemp("checkout") / "figures"
    folder.mkdir()
    (folder / "reference").symlink_to(cached.FIGURES / "reference")
    monkeypatch.setattr(cached, "FIGURES", folder)


@pytest.fixture(scope="session")
def cache(trained, tmp_path_factory):
    """A cache that holds a tiny model of every kind for each task, and for Wall a network to start from."""
    root = tmp_path_factory.mktemp("app")
    for task in TASKS:
        for method in MODELS:
            shutil.copytree(trained(task, method), root / "models" / task / method / "seed0")
        shutil.copytree(trained(task).parents[1] / "encoder", root / "models" / task / "encoder")
    model = load_model(trained("wall"))
    network = InitialisationNetwork(model.latent_dim + model.spec.proprio_dim, model.block_dim, HORIZON)
    save_initialisation(
        network, root / "models" / "wall" / "initialisation" / "seed0", {"encoder": encoder_hash(model)}
    )
    return root


@pytest.fixture
def app(cache, monkeypatch, tmp_path, change_card):
    """``app(page, **url)``: a page, run once on tiny models with quick planners."""
    monkeypatch.setenv("LAB_CACHE", str(cache))
    monkeypatch.setattr("lab.files.SHIPPED", tmp_path)
    monkeypatch.syspath_prepend(str(APP))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # its runner replaces it, and spawn reads it
    for task, card in CARDS.items():
        change_card(task, settings=quick(card.settings))

    def run(page: str = DEFAULT, **url: str) -> AppTest:
        test = AppTest.from_file(str(APP / "main.py"), default_timeout=120)
        if page != DEFAULT:
            test.switch_page(f"views/{page}.py")
        for key, value in url.items():
            test.query_params[key] = value
        return test.run()

    return run


@pytest.fixture(scope="session")
def server(cache):
    """The address of the app, served as users would, on the shipped models."""
    with served({"LAB_CACHE": str(cache), "OMP_NUM_THREADS": "1"}) as (address, _):
        yield address


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A browser session with a profile, in which compiled scripts are kept: all visits but the first are warm."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as api:
        profile = tmp_path_factory.mktemp("profile")
        session = api.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=FLAGS)
        yield session
        session.close()


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The folder of the exported pages, which the command has written for an address, and what it said."""
    folder, said = tmp_path_factory.mktemp("exported") / "site", io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main(["app", "export", str(folder), "--address", "https://me.org/lab"]) == 0
    return folder, said.getvalue()


@pytest.fixture(scope="session")
def site(exported):
    """The address of the exported pages, on a plain server of files."""
    with files_served(exported[0]) as address:
        yield address


@pytest.fixture(scope="session")
def process_kept(browser, server):
    """A page that stays open, so that the process that has compiled the app's scripts does."""
    browser.new_page().goto(f"{server}_stcore/health")


@pytest.fixture
def visit(browser, server, process_kept):
    """``visit(page, query)``: a page, once it is all there; the test fails on anything in the console."""
    troubles, pages = [], []

    def open_page(name: str = DEFAULT, query: str = "", width: int = 1280, scheme: str = "light"):
        page = browser.new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.set_viewport_size({"width": width, "height": 1500})
        page.emulate_media(color_scheme=scheme)
        page.on("console", lambda message: troubles.append(message.text) if is_trouble(message) else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("requestfailed", lambda request: troubles.append(request.url))
        page.goto(server + ("" if name == DEFAULT else name) + query, wait_until="commit")
        settled(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not troubles
