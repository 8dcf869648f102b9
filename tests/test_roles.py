"""What is handed to the lab in place of something else is answered where it enters, in one sentence that quotes it."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from stores import small_model
from test_your_own import ADAM, PLAN, SHORT, Model, Pendulum, _online, _radii, collected, new_model, problems_of

from lab.data import Problems, sample_problems
from lab.errors import LabError
from lab.evaluation import evaluate
from lab.files import model_folder
from lab.models import encoders, load_model
from lab.models import registry as models
from lab.models.encoders import ENCODERS, Encoder, VectorEncoder
from lab.planning import MPC, Adaptation, GoalDistance, GradientPlanner, PlanRequest
from lab.tasks import TASKS, Task, make_task
from lab.tasks.registry import register
from lab.training import Adversarial, Online, OnlineConfig, Schedule, TeacherForcing, encode, fit
from lab.training.combined import Combined
from lab.training.latents import LatentData

DATA = LatentData(torch.zeros(3, 13, 3), torch.zeros(3, 12, 1), 2, states=np.zeros((3, 13, 2)))
CONFIG = OnlineConfig(rounds=1, segments=4, horizon=3)


def requested(**wrong):
    parts = {"model": Model(), "z0": torch.zeros(2, 3), "objective": GoalDistance(torch.zeros(2, 3), 3)}
    return PlanRequest(**parts | {"init": torch.zeros(2, 3, 2), "seeds": [0, 1]} | wrong)


def trained(model=None, method=None, schedule=SHORT, run=None):
    return fit(model or new_model(), method or TeacherForcing(DATA), schedule, run=run, progress=False)


#: by name: a call with something in its place, and what is said of anything else
ROLES = {
    "model": (lambda x: trained(model=x), "What is trained has parameters"),
    "method": (lambda x: trained(method=x), "A training method has a method loss"),
    "schedule": (lambda x: trained(schedule=x), r"The schedule of a training is made by Schedule\(\.\.\.\)"),
    "run": (lambda x: trained(run=x), r"The folder of a run is made by Path\(\.\.\.\)"),
    "data": (TeacherForcing, "The data of a training have a method batch"),
    "adversarial data": (Adversarial, "The data of a training have a method batch"),
    "online data": (lambda x: Online(x, Pendulum(), CONFIG), "The data of a training have a method batch"),
    "radii": (lambda x: Adversarial(DATA, x), r"The radii of a training is made by Radii\(\.\.\.\)"),
    "environment": (lambda x: Online(DATA, x, CONFIG), "An environment has methods simulate and observe"),
    "encoded": (lambda x: encode(Model(), x, *collected()), "An environment has methods simulate and observe"),
    "problems": (lambda x: Problems(x, np.zeros((1, 2)), np.zeros((1, 2))), "An environment has methods simulate"),
    "config": (lambda x: Online(DATA, Pendulum(), x), r"The config of Online is made by OnlineConfig\(\.\.\.\)"),
    "combined": (lambda x: Combined(x, _radii(DATA)), r"The first part of Combined is made by Online\(\.\.\.\)"),
    "both": (lambda x: Combined(_online(DATA), x), r"The second part of Combined is made by Adversarial"),
    "rollout": (lambda x: requested(model=x), "A world model has a method rollout"),
    "objective": (lambda x: requested(objective=x), "An objective has a goal"),
    "seeds": (lambda x: requested(seeds=x), "2 problems need a seed each"),
    "adapt": (lambda x: MPC(adapt=x), r"What MPC takes as adapt is made by Adaptation\(\.\.\.\)"),
    "part": (lambda x: Adaptation(part=x), "Adaptation needs the beginning of weights' names as part"),
    "task": (register, "A task is registered as a subclass of lab.tasks.Task with a name"),
    "encoder": (encoders.register, "An encoder is registered as a subclass of lab.models.encoders.Encoder with a kind"),
    "name": (lambda x: models.register(x, "."), "A world model's name is of small letters"),
}
WRONG = {"number": 2, "tuple": (0.1, 0.1, 0.1), "class": Schedule, "object": object(), "text": "no / text"}
FINE = {("part", "text")}  #: a text is one


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("role", ROLES)
def test_what_is_none_is_quoted_where_it_enters(role, wrong):
    if (role, wrong) in FINE:
        return
    call, said = ROLES[role]
    with pytest.raises(LabError, match=f"^{said}.*, got ") as refusal:
        call(WRONG[wrong])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("role", "wrong"),
    [
        ("model", Model), ("method", TeacherForcing), ("method", DATA), ("environment", None),
        ("environment", Pendulum), ("environment", Model()), ("objective", None), ("objective", GoalDistance),
        ("objective", torch.zeros(2, 3)), ("rollout", None), ("seeds", None), ("radii", None), ("data", None),
        ("data", LatentData), ("task", None), ("task", Task), ("encoder", None), ("encoder", Encoder),
        ("encoder", torch.nn.Linear), ("name", None), ("name", Path("a")),
    ],
)  # fmt: skip
def test_what_is_nearly_one_is_none(role, wrong):
    call, said = ROLES[role]
    with pytest.raises(LabError, match=f"^{said}.*, got "):
        call(wrong)


def test_classes_without_a_name_or_a_method_are_no_tasks_and_no_encoders(monkeypatch):
    wall = type(make_task("wall"))
    drawn = {name: vars(wall)[name] for name in ("simulate", "render") if name in vars(wall)}
    for task in (type("Nameless", (Task,), {}), type("Half", (Task,), {"name": "half", **drawn})):
        with pytest.raises(LabError, match=r"A task is registered as a subclass of lab.tasks.Task with a name and all"):
            register(task)
    with pytest.raises(LabError, match="There is a task 'wall' already"):
        register(type("Mine", (wall,), {}))
    monkeypatch.setitem(TASKS.registered, "half", task)  # as an entry point might offer it
    with pytest.raises(LabError, match=r"The plugin called 'half' must be a subclass .*, with all of its methods, got"):
        make_task("half")
    kindless = type("Kindless", (VectorEncoder,), {"forward": lambda encoder, images: images})
    for encoder in (kindless, type("Half", (VectorEncoder,), {"kind": "half"}), type("Odd", (kindless,), {"kind": 3})):
        with pytest.raises(LabError, match=r"An encoder is registered as a subclass .* a kind and all of its methods"):
            encoders.register(encoder)
    monkeypatch.setitem(ENCODERS.registered, "half", kindless)
    with pytest.raises(LabError, match="The encoder called 'half' must be a VectorEncoder of that kind"):
        encoders.encoder_class("half", VectorEncoder)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 1, 1.0])
@pytest.mark.parametrize("history", [1, 2])
def test_every_share_of_the_replay_trains(share, history):
    config = OnlineConfig(rounds=1, segments=4, share=share, horizon=3, planner=ADAM)
    data = LatentData(DATA.z, DATA.actions, 2, history, DATA.states)
    for method in (Online(data, Pendulum(), config), Combined(Online(data, Pendulum(), config), _radii(data))):
        assert len(fit(new_model(), method, Schedule(2, batch=4), progress=False)) == 2
    z, blocks, z_next = data.batch(0, torch.Generator())
    assert (*z.shape, *blocks.shape, *z_next.shape) == (0, history, 3, 0, history, 2, 0, history, 3)


@pytest.mark.parametrize("part", ["", "encoder", "decoder"])
def test_weights_that_predict_nothing_do_not_adapt(part):
    mpc = MPC(budget=2, adapt=Adaptation(part=part))
    problems, planner = sample_problems("wall", "random", 2), GradientPlanner(iterations=1)
    words = f"WorldModel has no weights called {part}|WorldModel.rollout does not depend on all weights called '{part}'"
    with pytest.raises(LabError, match=words):
        evaluate(small_model(), planner, problems, mpc)


def test_all_weights_adapt_where_all_predict():
    outcome = evaluate(new_model(), ADAM, problems_of(*collected()), MPC(3, 1, 2, adapt=Adaptation(part="")))
    assert len(outcome.plans) == 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("task", ["wall", "push_t", None])
def test_a_shipped_model_of_another_dtype_is_answered_like_your_own(task, dtype):
    if task:
        model, problems = load_model(model_folder(task, "base")), sample_problems(task, "random", 1)
    else:
        model, problems = new_model(), problems_of(*collected())
    planner, can = GradientPlanner(iterations=1), (task, dtype) == ("push_t", torch.float64)  # points do in any
    with nullcontext() if can else pytest.raises(LabError, match=r"\.(observe|rollout) fails on .*: .*(type|dtype)"):
        assert len(evaluate(model.to(dtype), planner, problems, PLAN).plans) == 1
