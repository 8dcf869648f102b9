"""The app's pages that plan in the browser, as a folder that any web server or static host can serve."""

import io
import re
from pathlib import Path

from PIL import Image

from lab.errors import LabError
from lab.files import CHECKOUT, MODELS, ROOT, model_folder, replacing
from lab.models import load_model
from lab.web.pack import WORLDS, pack

COMPONENTS = ROOT / "app" / "components"
PAGES = ROOT / "app" / "web"
MOVIE = ROOT / "figures" / "reference" / "overview.gif"
ADDRESS = re.compile(r"https?://[^\s\"'<>]+")
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


def preview() -> bytes:
    """The PNG that stands for the pages where a link to them is shared: how the moving picture ends."""
    buffer = io.BytesIO()
    with Image.open(MOVIE) as movie:
        movie.seek(movie.n_frames - 1)
        movie.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def export(folder: Path, address: str = "") -> int:
    """Write the pages, scripts and models to ``folder``; returns their size in bytes.

    ``address`` is that of the pages on the web: whoever previews a link needs the picture's whole address.

    Raises LabError for an address that is none, outside a checkout, which alone holds the pages, and where ``folder``
    is there already.
    """
    if not CHECKOUT:
        raise LabError("The pages are not part of the installed package: run this in a clone of the repository.")
    if address and not ADDRESS.fullmatch(address):
        raise LabError(f"The pages' address is https://… without spaces or quotes, not {address!r}: name another.")
    if folder.exists():
        raise LabError(f"{folder} exists already: name a new folder, or remove it first.")
    whole = f"{address.rstrip('/')}/" if address else ""
    styles = [COMPONENTS / f"{name}.css" for name in ("player", "planning")]
    sources = [*PAGES.iterdir(), *modules("fool"), *modules("dreams"), *styles]
    files = {path.name: path.read_bytes() for path in sources}
    for page in PAGES.glob("*.html"):
        files[page.name] = files[page.name].replace(b'="preview.png"', f'="{whole}preview.png"'.encode())
    files |= {"preview.png": preview()} | {f"{task}.safetensors": packed(task) for task in WORLDS}
    with replacing(folder) as temporary:
        temporary.mkdir()
        for name, content in files.items():
            (temporary / name).write_bytes(content)
    return sum(map(len, files.values()))
