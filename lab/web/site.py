"""The app's pages that plan in the browser, as a folder that any web server or static host can serve."""

import re
from pathlib import Path

from lab.errors import LabError
from lab.files import CHECKOUT, MODELS, ROOT, model_folder, replacing
from lab.models import load_model
from lab.web.pack import WORLDS, pack

COMPONENTS = ROOT / "app" / "components"
PAGES = ROOT / "app" / "web"
IMPORT = re.compile(r"^import .* from '\./(\w+)\.js';\n", re.M)


def modules(name: str) -> list[Path]:
    """The script ``name`` of ``app/components/`` and all that it imports, each after those that it needs itself."""
    path = COMPONENTS / f"{name}.js"
    needed = [module for other in IMPORT.findall(path.read_text("utf-8")) for module in modules(other)]
    return [*dict.fromkeys(needed), path]


def bundle(name: str) -> str:
    """`modules` as one script, for a page that takes no more."""
    scripts = (IMPORT.sub("", path.read_text("utf-8")) for path in modules(name))
    return "\n".join(re.sub(r"^export (?!default)", "", script, flags=re.M) for script in scripts)


def packed(task: str) -> bytes:
    """`pack` of the task and its four models: shipped, else trained here. Raises LabError where one is missing."""
    return pack(task, {name: load_model(model_folder(task, name)) for name in MODELS})


def export(folder: Path) -> int:
    """Write the pages, scripts and models to ``folder``; returns their size in bytes.

    Raises LabError outside a checkout, which alone holds the pages, and where ``folder`` is there already.
    """
    if not CHECKOUT:
        raise LabError("The pages are not part of the installed package: run this in a clone of the repository.")
    if folder.exists():
        raise LabError(f"{folder} exists already: name a new folder, or remove it first.")
    styles = [COMPONENTS / f"{name}.css" for name in ("player", "planning")]
    sources = [*PAGES.iterdir(), *modules("fool"), *modules("dreams"), *styles]
    files = {path.name: path.read_bytes() for path in sources}
    files |= {f"{task}.safetensors": packed(task) for task in WORLDS}
    with replacing(folder) as temporary:
        temporary.mkdir()
        for name, content in files.items():
            (temporary / name).write_bytes(content)
    return sum(map(len, files.values()))
