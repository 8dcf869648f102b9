"""What the commands of `lab.cli` do, but for reproduce; imported only when one runs, because torch is slow to load."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from lab.benchmarks import card_of, recipe_of
from lab.data import DataSpec, Problems, load_or_collect
from lab.data.dataset import dataset_folder
from lab.errors import LabError
from lab.evaluation.statistics import wilson
from lab.evaluation.success import Outcome
from lab.files import (
    NETWORKS,
    cache_root,
    claiming,
    model_folder,
    models_root,
    of_family,
    read_json,
    replacing,
    writable,
)
from lab.models import WorldModel, load_model, registry, weights_hash
from lab.planning import MODES, Plan, Planner, PlanRequest, on_backend, shortened
from lab.presets import PRESETS
from lab.studies.common.config import pick_device
from lab.studies.common.filmstrips import film_strip
from lab.studies.common.protocol import Protocol

STRIP_PROBLEMS = 4  #: on a film strip


def collect(args: argparse.Namespace) -> int:
    recipe = recipe_of(args.task, family=args.family)
    spec = DataSpec(args.task, args.split, args.episodes or recipe.episodes, args.seed, recipe.size)
    data = load_or_collect(spec)
    folder = dataset_folder(spec)
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    print(f"{len(data.states)} {args.split} episodes of {args.task}, {data.actions.shape[1]} steps each, {size:.0f} MB")
    print(folder)
    return 0


def import_(args: argparse.Namespace) -> int:
    folder = Path(args.folder)
    _refuse_options_of_others(args)
    if args.kind == "release":
        from lab.importers.release import import_release

        imported = import_release(folder, args.task, args.name, args.data, args.preset or "quick")
        print(f"{args.name} model of {args.task}, family dino")
    else:
        from lab.data.imported import load_imported, save_imported

        found = import_module(f"lab.importers.{args.kind}").trajectories(folder)
        size = recipe_of(args.task, family=args.pictures_of or args.family).size
        source = f"{args.kind} {folder.resolve().name}"
        imported = save_imported(args.task, args.name, found, source, size, args.steps, args.episodes)
        data = load_imported(args.task, args.name)
        n, steps, _ = data.actions.shape
        print(f"{n} segments of {steps} steps, from {len(found)} episodes of {args.task}")
    print(imported)
    return 0


def _refuse_options_of_others(args: argparse.Namespace) -> None:
    """Raise LabError for an option of a release where data are imported, and the other way round."""
    if args.kind == "release":
        given = {"--steps": args.steps, "--episodes": args.episodes, "--family": args.pictures_of}
    else:
        given = {"--data": args.data, "--preset": args.preset}
    for option in (name for name, value in given.items() if value):
        others = "data sets" if args.kind == "release" else "releases"
        raise LabError(f"{option} is of {others}, and {args.kind} is none: leave it out.")


def train(args: argparse.Namespace) -> int:
    from lab.repro.custom_run import CustomRun
    from lab.training import train
    from lab.training.log import read_log

    device = pick_device(args.device)
    settings = {name: getattr(args, name) for name in ("steps", "lr", "radius", "rounds", "data")}
    if args.method in NETWORKS:
        return _train_initialisation(args, settings)
    if any(value is not None for value in settings.values()):
        run = CustomRun(args.task, args.method, args.seed, args.preset, family=args.family, **settings)
        folder = run.train(device=device)
    else:
        recipe = recipe_of(args.task, args.preset, args.family)
        folder = train(args.task, args.method, args.seed, recipe, models_root(args.preset, args.family), device=device)
    ends = [f": loss {line['loss']:.5f} at step {line['step'] + 1}" for line in read_log(folder)[-1:]]
    print(f"{args.method} model of {args.task}, seed {args.seed}{''.join(ends)}")
    print(folder)
    return 0


def _train_initialisation(args: argparse.Namespace, settings: Mapping[str, object]) -> int:
    from lab.training.initialisation import KINDS, train_initialisation

    name = KINDS[args.method]
    if any(value is not None for value in settings.values()):
        raise LabError(f"The {name} is trained in one way only: leave out the settings.")
    recipe = recipe_of(args.task, args.preset, args.family)
    options = {"kind": args.method, "seed": args.seed, "device": pick_device(args.device)}
    folder = train_initialisation(args.task, recipe, args.preset, args.family, **options)
    print(f"{name} of {args.task}, seed {args.seed}: loss {read_json(folder / 'network.json')['loss']}")
    print(folder)
    return 0


def plan(args: argparse.Namespace) -> int:
    from lab.evaluation.success import evaluate

    mode = "mpc" if args.mpc else "open"
    protocol = Protocol(args.task, args.goals, args.problems, seed=args.seed)
    problems, first = _chosen(protocol.problems(), args.problem)
    model, name, folder = _model(args)
    out = _strip_path(args, f"{name}-{weights_hash(folder)[:8]}" if args.checkpoint else name, mode)
    settings = card_of(args.task).settings
    planner, iterations = _planner(args, model, mode)
    options = {"proprio": settings.proprio, "decay": settings.decay, "seed": args.seed, "first": first}
    writable(out.parent)
    with _bar(len(problems) * iterations * MODES[mode].budget) as bar:
        shown = _Shown(planner, bar, iterations, each=args.backend == "torch")
        outcome = evaluate(model, shown, problems, mode, **options)
    print(protocol.describe())
    print(_report(outcome, f"{args.planner} on {name}, {mode}, {model.device}"))
    if args.backend != "torch":
        print("  with JAX, this time includes compiling what has not been planned in this size before")
    if args.problem is not None:
        print(f"  problem {args.problem}, planned alone: its plan is, up to rounding, as among all")
    _write_strip(out, model, outcome)
    print(f"film strip: {out}")
    return 0


def evaluate(args: argparse.Namespace) -> int:
    from lab.leaderboard.entry import Track, check_name, enter, save_entry, summary
    from lab.leaderboard.submission import failing_by_line, load_submission

    track, device = Track(args.task, args.goals, args.planner, args.mode, args.problems), pick_device(args.device)
    submissions = [load_submission(place, args.task, device) for place in args.model]
    name = args.name or submissions[0].name
    check_name(name)
    words = [name, args.task, args.goals, args.planner, args.mode, *([] if track.whole else [f"first{track.n}"])]
    out = cache_root() / "leaderboard" / f"{'-'.join(words)}.json"
    if args.out:
        out = _file(args.out, "entry", ".json")
    if out.exists():
        raise LabError(f"{out} is there already: delete it, or take another --name or --out.")
    planner = track.make_planner()
    writable(out.parent)
    total = (len(submissions) + 1) * track.n * planner.iterations * MODES[args.mode].budget
    with failing_by_line(), _bar(total) as bar:
        entry = enter(name, submissions, track, _Shown(planner, bar, planner.iterations, each=True), device)
    print(summary(entry))
    with claiming(out):
        save_entry(entry, out)
    print(f"entry: {out}")
    return 0


def bench(args: argparse.Namespace) -> int:
    from lab import bench, bench_backends, bench_scale

    if args.what == "tasks" and args.backend != "torch":
        raise LabError(f"The backend {args.backend} is of planners, and tasks alone have none: leave it out.")
    if args.what in ("planners", "scale", "backends") and args.peer:
        raise LabError(f"--peer is of tasks, and bench {args.what} measures none: leave it out.")
    on_backend(bench.ADAM, args.backend)  # raises LabError where it is not installed, before anything is measured
    if args.what in ("scale", "backends"):
        module: Any = bench_scale if args.what == "scale" else bench_backends
        found = module.measure(args.backend)
        rows, text = module.as_rows(found), module.as_table(found)
        kept = {args.what: rows}
    else:
        parts = [args.what] if args.what else ["tasks", "planners"]
        measured = {part: bench.measure(part, args.backend, args.peer) for part in parts}
        kept = {part: bench.as_rows(each) for part, each in measured.items()}
        everything = [row for each in measured.values() for row in each]
        rows, text = bench.as_rows(everything), bench.as_table(everything)
    print(json.dumps(rows, indent=2) if args.json else text)
    for part, rows in kept.items() if args.out is not None else ():
        bench.keep(rows, Path(args.out) / "bench" / part, args.backend)
    return 0


def verify(args: argparse.Namespace) -> int:
    from lab.repro.verify import places, verify

    count, wrong = verify([Path(args.folder)] if args.folder is not None else places(), args.sign)
    print("\n".join([*wrong, f"{count} read, {len(wrong)} of them not as they were written"]))
    return int(bool(wrong))


def app(args: argparse.Namespace) -> int:
    from lab.web.site import export

    size = export(Path(args.folder), args.address)
    print(f"{size / 1e6:.1f} MB; to look at it: python -m http.server --directory {args.folder}")
    return 0


def course(args: argparse.Namespace) -> int:
    from lab.repro.pages import export

    summary, all_ran = export(Path(args.folder), args.preset, args.only)
    print(f"{summary}\nto look at the pages: open {args.folder}/index.html")
    return int(not all_ran)


def _chosen(problems: Problems, only: int | None) -> tuple[Problems, int]:
    """All of ``problems``, or the one asked for, and the number of the first."""
    if only is None:
        return problems, 0
    if only >= len(problems):
        raise LabError(f"There is no problem {only}: the {len(problems)} problems asked for are numbered from 0.")
    return problems[only : only + 1], only


def _planner(args: argparse.Namespace, model: WorldModel, mode: str) -> tuple[Planner, int]:
    """The planner asked for, cut short at preset smoke, and how many iterations each of its plans takes."""
    size = PRESETS[args.preset]
    planner = shortened(card_of(args.task).settings.planner(args.planner, mode), size.iterations, size.samples)
    planner = on_backend(planner, args.backend)
    if args.start == "own":
        return planner, planner.iterations
    from lab.training.initialisation import informed, started

    begin = started if args.start == "network" else informed
    return begin(model, planner, args.preset), planner.iterations


def _bar(total: int) -> tqdm:
    """A progress bar with an estimate of the time that is left; it appears after two seconds."""
    layout = "{desc}{percentage:3.0f}%|{bar}| {elapsed}, about {remaining} left"
    interval = 0.1 if sys.stderr.isatty() else 10
    return tqdm(total=total, bar_format=layout, desc="plan ", mininterval=interval, delay=2, leave=False)


@dataclass(frozen=True)
class _Shown:
    """``planner``, whose ``iterations`` move a ``bar`` by one for each problem: each in its turn, or all at once."""

    planner: Planner
    bar: tqdm
    iterations: int
    each: bool  #: not where a compiled program shows no iteration before the last

    def plan(self, request: PlanRequest) -> Plan:
        if self.each:
            return self.planner.plan(replace(request, callback=lambda _, actions, loss: self.bar.update(len(loss))))
        plan = self.planner.plan(request)
        self.bar.update(len(plan.loss) * self.iterations)
        return plan


def _model(args: argparse.Namespace) -> tuple[WorldModel, str, Path]:
    """The world model asked for, a name for it, and its folder."""
    toy = PRESETS[args.preset].toy
    asked_for = args.task, args.model, args.train_seed, args.preset, args.family
    if args.checkpoint in registry.FOLDERS:
        folder = registry.folder_of(args.checkpoint)
    else:
        folder = Path(args.checkpoint) if args.checkpoint else model_folder(*asked_for, shipped=not toy)
    model = load_model(folder, pick_device(args.device))
    if model.spec.task != args.task:
        raise LabError(f"The world model in {folder} is of {model.spec.task}, not of {args.task}.")
    name = of_family(f"{args.model}{args.train_seed}{'-toy' if toy else ''}", args.family)
    return model, folder.resolve().name if args.checkpoint else name, folder


def _report(outcome: Outcome, what: str) -> str:
    """Rates and time of one evaluation, a line each."""
    lines = [f"{what}:"]
    for criterion, success in outcome.success.items():
        rate, low, high = wilson(int(success.sum()), len(success))
        at_end = outcome.at_end[criterion].mean()
        lines.append(
            f"  success ({criterion}): {success.sum()} of {len(success)} = {rate:.0%} "
            f"(95% interval {low:.0%} to {high:.0%}); at the end {at_end:.0%}"
        )
    lines.append(f"  planning time: {1000 * outcome.seconds / len(outcome.trajectory):.1f} ms per problem")
    return "\n".join(lines)


def _strip_path(args: argparse.Namespace, model: str, mode: str) -> Path:
    """Where the film strip goes; refuses bad names before anything is planned."""
    if not args.out:
        chosen = [(args.start, args.start != "own"), (f"seed{args.seed}", args.seed)]
        chosen += [(f"problem{args.problem}", args.problem is not None)]
        words = [args.task, args.goals, model, args.planner, mode, *(word for word, is_chosen in chosen if is_chosen)]
        return cache_root() / "plans" / f"{'-'.join(words)}.png"
    return _file(args.out, "film strip", ".png", ".pdf")


def _file(named: str, what: str, *endings: str) -> Path:
    """The file that is ``named`` for ``what``; raises LabError for a folder, and for another ending."""
    path = Path(named)
    if path.is_dir():
        raise LabError(f"{path} is a folder; name a file in it.")
    if path.suffix not in endings:
        raise LabError(f"The {what}'s file must end in {' or '.join(endings)}, got '{named}'.")
    return path


def _write_strip(path: Path, model: WorldModel, outcome: Outcome) -> None:
    """Draw the first few problems' film strip."""
    from lab.plots.filmstrip import filmstrip

    figure = filmstrip(**vars(film_strip(model, outcome, slice(STRIP_PROBLEMS))))
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
