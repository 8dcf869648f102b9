"""Figure 3 on a few problems, saved as it grows: ``python -m lab.studies.fig3_efficiency.live TASK PROBLEMS FAMILY``.

Further arguments, ``NAME=FOLDER``, are world models of one's own, which are measured beside the task's four.
After every case, the curves so far are saved to `live_folder` as a result. Its meta tells the ``progress``: ``share``
of the time, ``seconds`` since the start, and estimated seconds ``left``. A result without it is complete.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from lab.checksums import sha256
from lab.errors import LabError, is_whole
from lab.files import cache_root, of_family
from lab.models import WorldModel, load_model
from lab.presets import Preset
from lab.results import Result, save_result
from lab.studies.common.config import Config
from lab.studies.fig3_efficiency import study as fig3_efficiency


@dataclass(frozen=True)
class FirstProblems(Config):
    """The quick preset on the first ``problems`` of its problems. Raises LabError unless it has that many."""

    problems: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_whole(self.problems, 1, super().size.n):
            raise LabError(f"Between 1 and {super().size.n} problems can be measured, got {self.problems!r}.")

    @property
    def size(self) -> Preset:
        return replace(super().size, n=self.problems)


def live_folder(task: str, problems: int, family: str, further: Sequence[str] = ()) -> Path:
    """The folder of a live result; ``further`` are the arguments NAME=FOLDER. Raises LabError for an unknown family."""
    mark = f"-{sha256(' '.join(further).encode())[:8]}" if further else ""
    return cache_root() / "live" / of_family(f"{task}-{problems}{mark}", family)


def command(task: str, problems: int, family: str, further: Sequence[str] = ()) -> tuple[str, ...]:
    """The arguments of ``python -m`` for this measurement."""
    return ("lab.studies.fig3_efficiency.live", task, str(problems), family, *further)


def measure(config: FirstProblems, folder: Path, further: Mapping[str, WorldModel] | None = None) -> Result:
    """Run figure 3, and save the partial result in ``folder`` after every case; each replaces the one before."""
    started = time.perf_counter()
    begun: list[float] = []  # when the first case ended, and the share that was over by then

    def save_progress(curves: pd.DataFrame, share: float) -> None:
        seconds = time.perf_counter() - started
        begun.extend([] if begun else [seconds, share])
        pace = (seconds - begun[0]) / (share - begun[1]) if share > begun[1] else seconds
        progress = {"share": share, "seconds": seconds, "left": pace * (1 - share)}
        save_result(Result({"curves": curves}, {"config": asdict(config), "progress": progress}), folder)

    result = fig3_efficiency.run(config, save_progress, further)
    save_result(result, folder)
    return result


def main(task: str, problems: str, family: str, *further: str) -> int:
    """Returns 0, or 2 after one sentence on stderr."""
    try:
        if not problems.isdecimal():
            raise LabError(f"The number of problems must be a whole number, got '{problems}'.")
        config = FirstProblems(task=task, problems=int(problems), family=family, device="cpu")
        models = {name: load_model(Path(folder)) for name, _, folder in (word.partition("=") for word in further)}
        measure(config, live_folder(task, config.problems, family, further), models)
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
