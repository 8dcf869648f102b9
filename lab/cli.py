"""The command line: ``python -m lab COMMAND``, where ``python -m lab --help`` lists the commands.

``wm-lab`` is the same.

Exit codes: 0 done; 1 a step of ``reproduce`` or ``course`` failed, or ``verify`` found something changed, and the
summary says what; 2 bad input, a training or plan that is not finite, or a machine without the space, after one
sentence; 130 stopped by Ctrl-C or kill, after how to go on.
"""

import argparse
import io
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from keyword import iskeyword
from typing import NoReturn

import lab
from lab import program, variables
from lab.arguments import CommandParser, Parser, folder_or_file, number, whole_number
from lab.data import GOALS, MOST_EPISODES, MOST_PROBLEMS, MOST_SEED, SPLITS
from lab.errors import LabError
from lab.files import FAMILIES, MODELS, NETWORKS
from lab.planning.catalog import BACKENDS, PLANNERS
from lab.presets import PRESETS
from lab.repro.executors import EXECUTORS
from lab.studies.registry import STUDIES
from lab.tasks import TASKS

#: of what can be imported
KINDS = {
    "folder": "your own: a subfolder for each episode, with states.npy (T + 1, S), actions.npy (T, a), in the task's "
    "units, and\n           T + 1 pictures, if there are any (*.png, *.jpg, or pictures.npy)",
    "authors": "the paper's authors' data of the task: their pusht_noise/train, point_maze or wall_single",
    "lerobot": "LeRobot's PushT: the data set lerobot/pusht_keypoints (Parquet; needs pip install -e '.[importers]')",
    "release": "a world model of the paper's authors: hydra.yaml and checkpoints/; needs DINOv2, see --family dino",
}
DEVICES = ("auto", "cpu", "cuda")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, or without any print the help; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its number
            stream.reconfigure(errors="backslashreplace")
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        with _terminate_as_interrupt():
            variables.use_machine()
            if "family" in args:
                args.family = args.family or variables.family()
            return args.run(args)
    except (LabError, OSError, MemoryError) as error:
        print(f"{parser.prog} {args.command}: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{parser.prog} {args.command}: stopped; {args.resume}", file=sys.stderr)
        return 130


def _one_line(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "This machine has too little memory for that: ask for less."
    text = " ".join(str(error).split())
    return text if text.endswith(".") else f"{text}."


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let a plain kill (SIGTERM) clean up as Ctrl-C does, which no longer stops at once as while loading."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM, *[signal.SIGINT] * (signal.getsignal(signal.SIGINT) is program.stop)]
    previous = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; the parsed ``run`` is the function to call with the arguments."""
    parser = Parser(
        prog=program.name(),
        description="A lab for gradient-based planning through world models.",
        epilog="example: %(prog)s plan --task wall --model adversarial --planner adam",
    )
    parser.add_argument("--version", action="version", version=f"wm-lab {lab.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=CommandParser)
    for add in (
        _add_reproduce, _add_collect, _add_import, _add_train, _add_plan, _add_evaluate, _add_bench, _add_verify,
        _add_app, _add_course,
    ):  # fmt: skip
        add(commands)
    return parser


def _command(commands, name: str, about: str, example: str, resume: str) -> argparse.ArgumentParser:
    """A subcommand that calls the function of the same name in `lab.commands`; that of a keyword ends with _."""

    def run(args: argparse.Namespace) -> int:
        from lab import commands as functions

        return getattr(functions, f"{name}_" if iskeyword(name) else name)(args)

    epilog = f"example:\n  %(prog)s {example}".rstrip()
    whole_lines = argparse.RawDescriptionHelpFormatter  # so that examples can be copied
    parser = commands.add_parser(name, help=about, description=about, epilog=epilog, formatter_class=whole_lines)
    parser.set_defaults(run=run, resume=resume)
    return parser


def _add_reproduce(commands) -> None:
    about = "Make the paper's table and figures again, from the shipped world models; what is up to date is kept."
    resume = "what is finished is kept; run the same command again to go on."
    parser = _command(commands, "reproduce", about, "--preset quick --only table1_success --task wall", resume)
    parser.set_defaults(run=_reproduce)
    parser.add_argument(
        "--preset", choices=tuple(PRESETS), default="quick", help="size: seconds, minutes (default) or hours on a CPU"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], choices=tuple(STUDIES), metavar="NOTEBOOK",
        help=f"some of {', '.join(STUDIES)}",
    )  # fmt: skip
    parser.add_argument("--task", choices=tuple(TASKS), help="one task (default: all)")
    parser.add_argument(
        "--out", type=folder_or_file, default="figures", metavar="DIR", help="folder of the results (default: figures)"
    )
    parser.add_argument(
        "--seeds", default="", metavar="A:B",
        help="training seeds to average over, A to B-1; models that are missing are trained (default: the preset's)",
    )  # fmt: skip
    _add_family(parser)
    parser.add_argument(
        "--jobs", type=whole_number(1, 10**4), help="steps to run side by side (default: by cores and memory)"
    )
    parser.add_argument(
        "--executor", choices=tuple(EXECUTORS), default="local",
        help="local (default), dask (a local cluster, or $DASK_SCHEDULER_ADDRESS), or slurm",
    )  # fmt: skip
    parser.add_argument(
        "--forecast", action="store_true",
        help="run nothing: say how long it would take, by how many steps run at a time (processes, workers, jobs)",
    )  # fmt: skip


def _add_family(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--family", choices=FAMILIES,
        help="of world models: small, or dino, the paper's, on a frozen DINOv2 (default: $LAB_RECIPE, or small)",
    )  # fmt: skip


def _reproduce(args: argparse.Namespace) -> int:
    """Not in `lab.commands`: where nothing has changed, this is done before torch would have been loaded."""
    from lab.repro.reproduce import reproduce

    options = {"seeds": args.seeds, "family": args.family, "forecast": args.forecast}
    return reproduce(args.preset, args.only, args.task, args.out, args.jobs, args.executor, **options)


def _add_collect(commands) -> None:
    about = "Collect trajectories of a task's scripted data policy, or find them in the cache."
    resume = "nothing half-collected was kept; run the same command again."
    parser = _command(commands, "collect", about, "--task push_t --episodes 200", resume)
    _add_task(parser)
    parser.add_argument(
        "--episodes", type=whole_number(1, MOST_EPISODES), metavar="N", help="episodes (default: what training uses)"
    )
    _add_family(parser)
    parser.add_argument("--split", choices=SPLITS, default="train", help="which split (default: train)")
    _add_seed(parser, "of the data")


def _add_import(commands) -> None:
    about = "Bring in data or world models of others, or data of your own, without executing anything of theirs."
    resume = "nothing half-imported was kept; run the same command again."
    parser = _command(commands, "import", about, "folder my_episodes --task wall --name mine", resume)
    kinds = "\n".join(f"  {kind:8} {what}" for kind, what in KINDS.items())
    parser.epilog = f"""{parser.epilog}
  %(prog)s release outputs/pusht --task push_t --name base

kinds:
{kinds}

then:
  python -m lab train --task wall --method base --data mine
  python -m lab plan --task push_t --model base --family dino"""
    parser.add_argument("kind", choices=KINDS, help="what is in the folder, see below")
    parser.add_argument("folder", type=folder_or_file, metavar="FOLDER", help="what is read; it is not changed")
    _add_task(parser)
    parser.add_argument(
        "--name", required=True, metavar="NAME",
        help="a new name for the data set; of a release: base, online, …, the model whose place it takes",
    )  # fmt: skip
    parser.add_argument(
        "--steps", type=whole_number(1, 10**6), default=0, metavar="N", help="of a segment (default: the task's)"
    )
    parser.add_argument(
        "--episodes", type=whole_number(1, MOST_EPISODES), default=0, metavar="N",
        help="segments at most (default: all)",
    )  # fmt: skip
    parser.add_argument("--data", default="", metavar="NAME", help="data set whose statistics a release has")
    parser.add_argument(
        "--family", dest="pictures_of", choices=FAMILIES,
        help="of world models, whose size pictures get (default: $LAB_RECIPE, or small); a release is of dino",
    )  # fmt: skip
    _add_preset(parser, "whose models a release stands beside")
    parser.set_defaults(family=None, preset=None)


def _add_train(commands) -> None:
    about = "Train a world model, and first whatever it builds on (data, encoder, base model)."
    notes = "finished stages and the last checkpoint are kept; run the same command again to go on."
    parser = _command(commands, "train", about, "--task wall --method online --seed 1", notes)
    _add_task(parser)
    parser.add_argument(
        "--method", required=True, choices=(*MODELS, *NETWORKS),
        help="training method, or a network that planners can start from: initialisation, or state_prior, which also "
        "says how sure it is",
    )  # fmt: skip
    _add_seed(parser, "of initialisation, batches and plans")
    _add_family(parser)
    _add_preset(parser, "smoke: a toy in seconds; quick, full: as shipped")
    settings = parser.add_argument_group(
        "settings of your own", "with any of them the model is kept apart, and starts from the base model there is"
    )
    settings.add_argument("--steps", type=whole_number(1, 10**9), metavar="N", help="training steps")
    settings.add_argument("--lr", type=number(1e-30, 1e30), metavar="X", help="learning rate at the start")
    settings.add_argument(
        "--radius", type=number(0, 1e30), metavar="X", help="of all perturbations, in standard deviations (adversarial)"
    )
    settings.add_argument(
        "--rounds", type=whole_number(1, 10**6), metavar="N", help="of planning and correcting (online)"
    )
    settings.add_argument(
        "--data", metavar="NAME",
        help="an imported data set, instead of collected data; encoder, statistics and base model are then of it, too",
    )  # fmt: skip
    _add_device(parser)


def _add_plan(commands) -> None:
    about = "Plan through a world model, execute in the true simulator, print the success rate, draw a film strip."
    resume = "nothing was written; run the same command again."
    parser = _command(commands, "plan", about, "--task wall --model adversarial --planner adam --problems 50", resume)
    _add_task(parser)
    parser.add_argument("--model", choices=MODELS, default="base", help="which world model (default: base)")
    _add_preset(parser, "smoke: the toy of 'train --preset smoke', and few iterations; quick, full: as shipped")
    _add_family(parser)
    parser.add_argument("--planner", choices=PLANNERS, default="adam", help="which planner (default: adam)")
    parser.add_argument(
        "--start", choices=("own", "network", "prior"), default="own",
        help="where plans start: the planner's own way (default), what the initialisation network says, or the product "
        "of both by the state prior",
    )  # fmt: skip
    parser.add_argument("--goals", choices=GOALS, default="dataset", help="how goals are drawn (default: dataset)")
    parser.add_argument("--mpc", action="store_true", help="replan after each block (default: one plan, open loop)")
    parser.add_argument(
        "--problems", type=whole_number(1, MOST_PROBLEMS), default=20, metavar="N",
        help="number of problems (default: 20)",
    )  # fmt: skip
    parser.add_argument("--problem", type=whole_number(0), metavar="I", help="only problem I of these, counted from 0")
    _add_seed(parser, "of problems and planner")
    parser.add_argument(
        "--train-seed", type=whole_number(0, MOST_SEED), default=0, metavar="N", help="seed of the model (default: 0)"
    )
    parser.add_argument(
        "--checkpoint", type=folder_or_file, metavar="DIR",
        help="folder, or registered name, of a model of your own, instead of --model",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=folder_or_file, metavar="FILE", help="the film strip, .png or .pdf (default: in the cache)"
    )
    _add_backend(parser, "what runs the planner's loop; auto: JAX where it is installed")
    _add_device(parser)


def _add_evaluate(commands) -> None:
    about = "Measure anybody's world model on the frozen problems of the open benchmark, and write an entry for it."
    resume = "nothing was written; run the same command again."
    parser = _command(commands, "evaluate", about, "my_model.py:model --task wall --name mine", resume)
    parser.add_argument(
        "model", nargs="+", type=folder_or_file, metavar="MODEL",
        help="FILE.py:NAME, a world model (see lab/models/protocols.py) in a Python file, which is executed: read it "
        "first; or a folder of this lab, which is only read; several are the training seeds of one model",
    )  # fmt: skip
    _add_task(parser)
    parser.add_argument("--name", metavar="NAME", help="of the entry (default: the file's or the folder's)")
    parser.add_argument("--goals", choices=GOALS, default="dataset", help="how goals are drawn (default: dataset)")
    parser.add_argument("--planner", choices=PLANNERS, default="adam", help="which planner (default: adam)")
    parser.add_argument("--mode", choices=("open", "mpc"), default="open", help="one plan (default), or replanning")
    parser.add_argument(
        "--problems", type=whole_number(1, MOST_PROBLEMS), default=0, metavar="N",
        help="the first N of them, to try it out; the leaderboard has entries of all (default)",
    )  # fmt: skip
    parser.add_argument("--out", type=folder_or_file, metavar="FILE", help="the entry, .json (default: in the cache)")
    _add_device(parser)


def _add_bench(commands) -> None:
    about = "Measure simulators and planners against the plain loops a reader would write, in one run."
    parser = _command(commands, "bench", about, "planners --json", "nothing was written; run the same command again.")
    parser.epilog = f"""{parser.epilog}

to measure the simulators of gym-pusht and stable-worldmodel as well, each in an environment of its own:
  python -m venv ../pusht && ../pusht/bin/pip install gym-pusht==0.1.8
  python -m venv ../swm && ../swm/bin/pip install stable-worldmodel==0.1.1 torchvision lancedb pylance \\
    loguru einops tabulate imageio opencv-python-headless pygame pymunk
  %(prog)s tasks --peer ../pusht/bin/python --peer ../swm/bin/python

and the solvers of stable-worldmodel, with the lab in the same environment:
  ../swm/bin/pip install -e '.[jax]'
  ../swm/bin/python -m lab bench planners --backend jax"""
    parser.add_argument(
        "what", nargs="?", choices=("tasks", "planners", "scale", "backends"),
        help="tasks or planners alone (default: both), how the cost of a plan grows with its size, or which "
        "outcomes and times differ between torch and --backend, through the shipped models",
    )  # fmt: skip
    parser.add_argument(
        "--peer", action="append", default=[], metavar="PYTHON",
        help="of tasks: the Python of an environment with gym-pusht or stable-worldmodel; may be given several times",
    )  # fmt: skip
    _add_backend(parser, "jax: measure planners as one compiled program as well", ("torch", "jax"))
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--out", type=folder_or_file, metavar="DIR",
        help="keep the table as well, with machine and versions, in the folder bench below this one",
    )  # fmt: skip


def _add_verify(commands) -> None:
    about = "Read all models, data and results, shipped and made here, and say which are not as they were written."
    parser = _command(commands, "verify", about, "lab/checkpoints", "nothing was written; run the same command again.")
    parser.add_argument(
        "folder", nargs="?", type=folder_or_file, metavar="FOLDER",
        help="only what is in this folder (default: everything)",
    )  # fmt: skip
    parser.add_argument(
        "--sign", action="store_true",
        help="add the SHA-256 to models and results of version 0.1, which name none; only if you trust them",
    )  # fmt: skip


def _add_app(commands) -> None:
    about = "Write the pages that plan in the browser as a folder, which any web server or static host can serve."
    parser = _command(commands, "app", about, "export site", "nothing was written; run the same command again.")
    parser.add_argument("action", choices=("export",), help="what to do")
    parser.add_argument("folder", type=folder_or_file, metavar="DIR", help="a new folder")
    parser.add_argument("--address", default="", metavar="URL", help="of the pages on the web, for previews of links")


def _add_course(commands) -> None:
    about = "Run the course's notebooks, and write them as pages that are read in a browser, without Python."
    resume = "what is finished is kept; run the same command again to go on."
    parser = _command(commands, "course", about, "course-pages --preset quick", resume)
    parser.add_argument("folder", type=folder_or_file, metavar="DIR", help="a new folder")
    _add_preset(parser, "smoke: tiny, to see that it runs; quick: minutes for each notebook")
    parser.add_argument(
        "--only", nargs="+", default=[], choices=tuple(STUDIES), metavar="NOTEBOOK",
        help="run these only; the others are shown without results (default: all but the longest)",
    )  # fmt: skip


def _add_task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", required=True, choices=tuple(TASKS), help="which task")


def _add_seed(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--seed", type=whole_number(0, MOST_SEED), default=0, metavar="N", help=f"seed {what} (default: 0)"
    )


def _add_preset(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--preset", choices=tuple(PRESETS), default="quick", help=f"{what} (default: quick)")


def _add_backend(parser: argparse.ArgumentParser, what: str, backends: Sequence[str] = BACKENDS) -> None:
    parser.add_argument("--backend", choices=backends, default="torch", help=f"{what} (default: torch)")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, default="auto", help="auto (default) takes CUDA where it is")
