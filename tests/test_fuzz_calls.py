"""What is called or run with anything: planners, evaluation, training, and whole commands at smoke size."""

import dataclasses
import json
import shutil
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stores import small_model
from test_fuzz import limited, outcome, profiles, report
from torch import nn

from lab import cli
from lab.data import DataSpec, problems_along, sample_problems
from lab.data.dataset import fingerprint
from lab.errors import LabError
from lab.evaluation import evaluate
from lab.evaluation.slices import directions
from lab.models import ModelSpec
from lab.options import plain
from lab.planning import MPC, PLANNERS, GoalDistance, GradientPlanner, Plan, PlanRequest, make_planner
from lab.planning.options import ABOVE_ZERO, COUNTS, FROM_ZERO, SHARES
from lab.planning.streams import child
from lab.repro.custom_run import CustomRun
from lab.tasks import TASKS, make_task
from lab.training import LatentData, OnlineConfig, Radii, Schedule, TeacherForcing, fit

SMALL = {"iterations": 2, "samples": 6, "elites": 2, "restarts": 1, "candidates": 1}  #: what keeps a call short
WRONG = st.sampled_from([0, -1, 1.5, True, float("nan"), float("inf"), None, "2", 10**30, np.int64(2), 1e-30])
OPTIONS = st.dictionaries(
    st.sampled_from((*COUNTS, *ABOVE_ZERO, *FROM_ZERO, *SHARES, "optimiser", "other")), WRONG, max_size=2
)
SEED = st.sampled_from([0, 1, 2**63, 10**30, -1, 1.5, None, "1", True, np.int64(3), np.random.SeedSequence(1)])
SHAPE = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple)
DTYPE = st.sampled_from([torch.float32, torch.float32, torch.float64, torch.float16, torch.int64, torch.bool])
FILL = st.sampled_from([0.0, 0.5, float("nan"), float("inf"), 1e38])
MODE = st.sampled_from([nullcontext, torch.no_grad, torch.inference_mode])
MISTAKES = st.sampled_from(["options", "z0", "goal", "init", "seeds", "fill", "dtype"])


class Net(nn.Module):
    """A model of 2 latent numbers and blocks of 2."""

    history = 1

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(4, 2)

    def predict(self, z, block):
        return z + self.net(torch.cat([z, block], -1))

    def rollout(self, z0, actions):
        z = [z0]
        for block in actions.unbind(-2):
            z.append(self.predict(z[-1], block))
        return torch.stack(z, -2)


def plan(planner: str, wrong: set[str], options: dict, shape: tuple, dtype, seed, fill, mode) -> Plan:
    """A plan of 2 problems, in which some parts are ``wrong``."""
    made = make_planner(planner)
    fields = {field.name for field in dataclasses.fields(made)}
    fitting = {name: value for name, value in SMALL.items() if name in fields}
    searcher = make_planner(planner, **fitting | (options if "options" in wrong else {}))
    kind = dtype if "dtype" in wrong else torch.float32
    z0 = torch.full(shape if "z0" in wrong else (2, 2), fill if "fill" in wrong else 0.5).to(kind)
    goal = torch.zeros(shape if "goal" in wrong else z0.shape, dtype=kind)
    init = torch.full(shape if "init" in wrong else (2, 3, 2), torch.nan)
    model = Net()
    with mode():
        request = PlanRequest(model, z0, GoalDistance(goal, 2), init, [seed if "seeds" in wrong else 0] * len(init))
        planned = searcher.plan(request)
    assert planned.actions.isfinite().all() and planned.loss.isfinite().all()
    return planned


@profiles(60, 1500)
def test_planners(profile, capsys):
    counts: Counter = Counter()
    parts = st.tuples(st.sets(MISTAKES, max_size=2), OPTIONS, SHAPE, DTYPE, SEED, FILL, MODE)

    @profile
    @given(st.sampled_from(PLANNERS), parts)
    def holds(planner: str, given_parts: tuple) -> None:
        counts[outcome(lambda: plan(planner, *given_parts) and None)] += 1

    holds()
    report(capsys, "planners", counts)


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_start_of_another_dtype_than_the_models_is_refused(planner):
    with pytest.raises(LabError, match=r"Net\.rollout fails on z0 \(2, .*2\) and actions .*dtype"):
        plan(planner, {"dtype"}, {}, (), torch.float64, 0, 0.0, nullcontext)


@profiles(10, 150)
def test_evaluation(profile, empty_cache, capsys):
    counts: Counter = Counter()
    model, problems = small_model(), sample_problems("wall", "dataset", 2)
    number = st.sampled_from([0.0, 0.5, -1.0, float("nan"), float("inf"), None, "1"])
    names = st.sampled_from(["open", "mpc", "authors_open", "", "no"])

    @profile
    @given(names, st.fixed_dictionaries({}, optional={"seed": SEED, "first": SEED, "proprio": number, "decay": number}))
    def holds(mode: str, options: dict) -> None:
        planner = GradientPlanner(iterations=1)
        counts[outcome(lambda: evaluate(model, planner, problems, mode, **options) and None)] += 1

    holds()
    report(capsys, "evaluations", counts)


@pytest.mark.parametrize("planner", ["adam", None, GradientPlanner])
def test_a_planner_is_one(planner):
    with pytest.raises(LabError, match=r"A planner has a method plan, .*, got"):
        evaluate(small_model(), planner, sample_problems("wall", "random", 2))
    with pytest.raises(LabError, match=r"A planner has a method plan, .*, got"):
        OnlineConfig(planner=planner)


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"wall"}))
def test_a_model_of_another_task_is_refused(task):
    with pytest.raises(LabError, match=r"of wall sees proprioception .*: take a model of the same task"):
        evaluate(small_model(), GradientPlanner(iterations=1), sample_problems(task, "random", 2))


def evaluated(**numbers) -> list:
    problems, planner = sample_problems("wall", "random", 1), GradientPlanner(iterations=1)
    return evaluate(small_model(), planner, problems, **numbers).plans[0].actions.tolist()


STATES = np.full((1, 2), 30.0)
ALONG = 10 * np.arange(24.0).reshape(2, 6, 2), np.zeros((2, 5, 2))  #: states and actions of two trajectories
#: what takes a whole number, 1 among others
WHOLE = {
    "stream": lambda n: child(n, 0).generate_state(2).tolist(),
    "seed of a request": lambda n: PlanRequest(*REQUEST, [n]).seeds,
    "seed of an evaluation": lambda n: evaluated(seed=n),
    "first problem": lambda n: evaluated(first=n),
    "mode": lambda n: MPC(n, n, n),
    "iterations": lambda n: GradientPlanner(iterations=n),
    "latent_dim": lambda n: GoalDistance(torch.zeros(1, 3), n).latent_dim,
    "directions": lambda n: directions(n, 1, 2, 3)[0].tolist(),
    "episodes": lambda n: fingerprint(DataSpec("wall", episodes=n)),
    "seed of data": lambda n: fingerprint(DataSpec("wall", seed=n)),
    "pictures": lambda n: fingerprint(DataSpec("wall", size=n)),
    "problems": lambda n: sample_problems("wall", "random", n).starts.tolist(),
    "seed of problems": lambda n: sample_problems("wall", "random", 1, seed=n).starts.tolist(),
    "problems along": lambda n: problems_along(make_task("wall"), *ALONG, n, 4).starts.tolist(),
    "steps along": lambda n: problems_along(make_task("wall"), *ALONG, 1, n).starts.tolist(),
    "seed along": lambda n: problems_along(make_task("wall"), *ALONG, 1, 4, n).starts.tolist(),
    "pixels": lambda n: make_task("wall").render(STATES, n).tolist(),
    "states": lambda n: make_task("wall").random_states(np.random.default_rng(0), n)[0].tolist(),
    "steps of radii": lambda n: Radii(steps=n),
    "rounds": lambda n: OnlineConfig(n, n, n, horizon=n),
    "schedule": lambda n: Schedule(steps=n),
    "spec": lambda n: json.dumps(dataclasses.asdict(ModelSpec("wall", hidden=n))),
    "own run": lambda n: json.dumps(plain(CustomRun("wall", "base", seed=n))),
}
REQUEST = Net(), torch.zeros(1, 2), GoalDistance(torch.zeros(1, 2), 2), torch.zeros(1, 3, 2)


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_number_is_pythons_or_numpys_and_true_is_none(name):
    call = WHOLE[name]
    assert call(np.int64(1)) == call(1)
    for wrong in (True, np.True_, -1, 1.5, np.float64(1), "1", None):
        with pytest.raises(LabError, match="got"):
            call(wrong)


@pytest.mark.parametrize(
    "call",
    [
        Radii,
        lambda x: Radii(proprio=x),
        lambda x: Radii(action=x),
        lambda x: OnlineConfig(share=x),
        lambda x: GoalDistance(torch.zeros(1, 2), 2, proprio=x),
        lambda x: GoalDistance(torch.zeros(1, 2), 2, decay=x),
    ],
)
def test_a_weight_is_a_finite_number_from_0_and_true_is_none(call):
    assert type(call(1)) is type(call(0.5))
    for wrong in (True, -1, -0.5, float("nan"), float("inf"), "1", [1]):
        with pytest.raises(LabError, match="got"):
            call(wrong)


@profiles(25, 400)
def test_training(profile, tmp_path, capsys):
    counts: Counter = Counter()
    schedules = st.fixed_dictionaries(
        {},
        optional={"lr": WRONG, "batch": WRONG, "steps": st.sampled_from([0, -1, 2, 1.5, None]), "average": WRONG},
    )

    @profile
    @given(schedules, SEED, st.sampled_from([(3, 11, 2), (3, 9, 2), (1, 1, 1), (3, 2)]), FILL, MODE)
    def holds(options: dict, seed, shape: tuple, fill: float, mode) -> None:
        def call() -> None:
            data = LatentData(torch.full(shape, fill), torch.zeros(3, 10, 2), 1)
            with mode():
                fit(Net(), TeacherForcing(data), Schedule(**{"steps": 2, "batch": 2} | options), seed, progress=False)

        counts[outcome(call)] += 1

    holds()
    report(capsys, "trainings", counts)


def flags(**values: st.SearchStrategy) -> st.SearchStrategy[list[str]]:
    """Some of the options, each with one of its values; a value "" stands for a switch."""
    chosen = st.fixed_dictionaries({}, optional=values)
    return chosen.map(
        lambda given: [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value) if word]
    )


def of(*values: object) -> st.SearchStrategy[str]:
    return st.sampled_from([str(value) for value in values])


PLANS = flags(
    model=of("base", "control"), planner=of(*PLANNERS), goals=of("dataset", "random"), mpc=of(""), problem=of(0, 1, 9),
    start=of("own", "network"), seed=of(0, 2**63 - 1), train_seed=of(0, 1), out=of("OUT/x.png", "OUT", "OUT/x.txt"),
    checkpoint=of("OUT/none", "OUT"),
)  # fmt: skip
TRAININGS = flags(
    method=of("control", "adversarial", "online", "initialisation"), steps=of(1, 3), lr=of(1e-3, 1e30, 1e-30),
    radius=of(0, 0.1, 1e30), rounds=of(1, 2), seed=of(0, 7),
)  # fmt: skip
COLLECTIONS = flags(episodes=of(1, 2), split=of("train", "tune", "test"), seed=of(0, 2**63 - 1), family=of("dino"))
COMMANDS = st.one_of(
    PLANS.map(lambda words: ["plan", "--task", "wall", "--preset", "smoke", "--problems", "2", *words]),
    PLANS.map(lambda words: ["plan", "--task", "wall", "--preset", "smoke", "--problems", "2", *words]),
    TRAININGS.map(lambda words: ["train", "--task", "wall", "--preset", "smoke", "--device", "cpu", *words]),
    COLLECTIONS.map(lambda words: ["collect", "--task", "point_maze", *words]),
    st.sampled_from([["verify"], ["verify", "OUT"], ["verify", "--sign"], ["app", "export", "OUT/site"]]),
)


@profiles(10, 300)
def test_commands_run_or_say_in_a_sentence_why_not(profile, trained, empty_cache, tmp_path, capsys):
    counts: Counter = Counter()
    root, out = empty_cache / "models-smoke" / "wall", tmp_path / "out"
    for method in ("base", "control"):
        shutil.copytree(trained("wall", method), root / method / "seed0")
    shutil.copytree(trained("wall").parents[1] / "encoder", root / "encoder")
    out.mkdir()

    @profile
    @given(COMMANDS)
    def holds(words: list[str]) -> None:
        words = [word.replace("OUT", str(out)) for word in words]
        if words[0] == "collect" and "--episodes" not in words:
            words += ["--episodes", "1"]
        code = run(words)
        said = capsys.readouterr().err
        assert code in (0, 1, 2) and "Traceback" not in said
        assert code != 2 or len(said.strip().splitlines()[-1].split(": ", 1)) == 2
        assert not list(Path(tmp_path).rglob(".*-*-*/*")), "something temporary is left"
        counts[f"{words[0]}: {code}"] += 1

    holds()
    report(capsys, "commands", counts)


def run(words: list[str]) -> int:
    try:
        with limited():
            return cli.main(words)
    except SystemExit as end:
        return end.code
