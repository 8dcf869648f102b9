"""The cases of an experiment, each kept on disk once it is done: a killed run goes on where it was.

A case is found again only if everything that its numbers depend on is the same: the code that the experiment can
reach with its planners on its task, the libraries, the model's weights, the device and what the experiment says of the
case. They are kept in ``cases/`` of the cache, and can be deleted at any time.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lab.checksums import read_text, write_text
from lab.files import cache_root
from lab.locks import load_or_make
from lab.models import WorldModel
from lab.studies.common.card import planners_of
from lab.studies.common.fingerprint import code_hash, digest, versions


class Cases:
    """Stored cases of one experiment and task; ``kept`` counts those that were reused."""

    def __init__(self, experiment: str, task: str) -> None:
        code = code_hash(f"import lab.studies.{experiment}.study", [task], planners_of(experiment))
        self.about = {"experiment": experiment, "code": code, "versions": versions()}
        self.kept = 0

    def rows(
        self, keys: Mapping[str, Any], settings: Mapping[str, Any], model: WorldModel, make: Callable[[], pd.DataFrame]
    ) -> pd.DataFrame:
        """The table of the case with these ``keys`` (its first columns), made by ``make`` if it is not stored.

        ``settings`` are all else that it depends on, as JSON values. The table is always read back from disk, so that
        resumed and uninterrupted runs agree to the last bit.
        """
        case = {"keys": dict(keys), "settings": dict(settings), "device": model.device.type, "weights": _weights(model)}
        path = cache_root() / "cases" / f"{digest(self.about | case)}.csv"
        self.kept += 1

        def make_now() -> None:
            self.kept -= 1
            write_text(path, make().to_csv(index=False))

        return load_or_make(path, lambda: _read(path, keys), make_now)


def _read(path: Path, keys: Mapping[str, Any]) -> pd.DataFrame:
    """The table in a file of `write_text`; raises LabError where it has been changed."""
    table = pd.read_csv(io.StringIO(read_text(path)), keep_default_na=False, na_values=[""])
    return pd.DataFrame(dict(keys) | {name: table[name] for name in table})


def _weights(model: WorldModel) -> str:
    """A hash of all weights, of the statistics and of the spec."""
    weights = hashlib.sha256(repr(model.spec).encode())
    for name, tensor in sorted(model.state_dict().items()):
        weights.update(name.encode())
        weights.update(tensor.numpy(force=True).tobytes())
    return weights.hexdigest()
