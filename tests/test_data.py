"""Data sets: determinism, splits, the cache, and problems drawn from them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lab.data import GOALS, SPLITS, DataSpec, load_or_collect, problems_along, sample_problems
from lab.data.dataset import collect_states, dataset_folder, fingerprint
from lab.errors import LabError
from lab.tasks import TASKS, make_task

SPEC = DataSpec("wall", "tune", episodes=3, size=16)


def collect(spec, root):
    return load_or_collect(spec, root, progress=False)


def same(first, second):
    np.testing.assert_array_equal(first.states, second.states)
    np.testing.assert_array_equal(first.actions, second.actions)
    np.testing.assert_array_equal(first.pixels, second.pixels)


def no_leftovers(root):
    return [path for path in root.rglob(".*")] == []


@pytest.mark.parametrize("task", TASKS)
def test_equal_specs_give_equal_data_and_the_pictures_show_the_states(task, tmp_path):
    spec = replace(SPEC, task=task)
    data = collect(spec, tmp_path / "one")
    same(data, collect(spec, tmp_path / "two"))
    simulator = make_task(task)
    steps = simulator.episode_steps
    assert data.states.shape == (3, steps + 1, len(simulator.state_fields))
    assert data.actions.shape == (3, steps, simulator.action_dim)
    np.testing.assert_array_equal(data.pixels[1], simulator.render(data.states[1], 16))
    np.testing.assert_array_equal(collect_states(spec).states, data.states)
    assert no_leftovers(tmp_path)


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=[pytest.mark.slow] * (task == "granular")) for task in TASKS]
)
def test_no_two_splits_or_seeds_share_a_start(task):
    specs = [DataSpec(task, split, episodes=make_task(task).chunk, seed=seed) for split in SPLITS for seed in (0, 1)]
    starts = np.concatenate([collect_states(spec).states[:, 0] for spec in specs])
    assert len(np.unique(starts, axis=0)) == len(starts) == 6 * make_task(task).chunk


def test_a_larger_set_begins_with_a_smaller_one():
    small, large = (collect_states(replace(SPEC, episodes=n)) for n in (53, 101))
    np.testing.assert_array_equal(small.states, large.states[:53])
    np.testing.assert_array_equal(small.actions, large.actions[:53])


def test_a_stored_set_is_read_and_not_collected_again(tmp_path, monkeypatch):
    first = collect(SPEC, tmp_path)
    monkeypatch.setattr("lab.data.dataset._collect", lambda *_: pytest.fail("collected again"))
    same(first, collect(SPEC, tmp_path))


def _truncate(name):
    def damage(folder):
        path = folder / name
        path.write_bytes(path.read_bytes()[:-100])

    return damage


DAMAGES = {
    "no meta": lambda folder: (folder / "meta.json").unlink(),
    "no JSON": lambda folder: (folder / "meta.json").write_text("{", "utf-8"),
    "foreign JSON": lambda folder: (folder / "meta.json").write_text("[]", "utf-8"),
    "empty JSON": lambda folder: (folder / "meta.json").write_text("{}", "utf-8"),
    "other data": lambda folder: (folder / "meta.json").write_text(json.dumps({"fingerprint": "0"}), "utf-8"),
    "half the states": _truncate("state.npy"),
    "half the pixels": _truncate("pixels.npy"),
    "empty actions": lambda folder: (folder / "action.npy").write_bytes(b""),
    "no actions": lambda folder: (folder / "action.npy").unlink(),
    "fewer episodes": lambda folder: np.save(folder / "state.npy", np.zeros((2, 51, 2))),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_set_is_made_anew(damage, tmp_path):
    first = collect(SPEC, tmp_path)
    copy = replace(first, states=first.states.copy(), actions=first.actions.copy(), pixels=first.pixels.copy())
    DAMAGES[damage](dataset_folder(SPEC, tmp_path))
    same(copy, collect(SPEC, tmp_path))
    assert no_leftovers(tmp_path)


def test_what_a_killed_collection_leaves_is_not_mistaken_for_data(tmp_path):
    folder = dataset_folder(SPEC, tmp_path)
    half = folder.parent / f".{folder.name}-abc" / folder.name
    half.mkdir(parents=True)
    (half / "state.npy").write_bytes(b"half")
    assert len(collect(SPEC, tmp_path).states) == 3
    assert (folder / "meta.json").is_file()


def test_an_interrupted_collection_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lab.tasks.wall.Wall.render", interrupt)
    with pytest.raises(KeyboardInterrupt):
        monkeypatch.setattr("lab.data.dataset.fingerprint", lambda _: "0")
        collect(SPEC, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [] and no_leftovers(tmp_path)


def test_the_fingerprint_changes_with_every_part_of_the_spec_and_with_the_physics(monkeypatch):
    others = {"task": "point_maze", "split": "test", "episodes": 4, "seed": 1, "size": 32, "pixels": False}
    prints = {fingerprint(replace(SPEC, **{name: value})) for name, value in others.items()}
    assert len(prints | {fingerprint(SPEC)}) == len(others) + 1
    before = fingerprint(SPEC)
    monkeypatch.setattr("lab.tasks.wall.Wall.step", lambda self, states, actions: states)
    assert fingerprint(SPEC) != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": "exam"}, "Unknown split 'exam'"),
        ({"episodes": 0}, "1 to 1000000 episodes, got 0"),
        ({"episodes": 10**9}, "1 to 1000000"),
        ({"seed": -1}, "from 0"),
        ({"task": "go"}, "'go'"),
    ],
)
def test_impossible_specs_are_refused(changes, message):
    with pytest.raises(LabError, match=message):
        replace(SPEC, **changes)


@pytest.mark.parametrize("task", TASKS)
def test_dataset_problems_are_solved_by_replaying_the_expert(task):
    simulator, n = make_task(task), 8
    problems = sample_problems(task, "dataset", n, "tune")
    reached = simulator.simulate(problems.starts, problems.expert)[:, -1]
    np.testing.assert_array_equal(reached, problems.goals)
    assert simulator.start_outside_goal(problems.starts, problems.goals).all()
    assert problems.expert.shape == (n, 5 * simulator.frameskip, simulator.action_dim)


@pytest.mark.parametrize("horizon", [1, 10, 13])  # an episode has 10 latent steps
def test_goals_are_as_far_along_a_trajectory_as_one_asks(horizon):
    problems = sample_problems("wall", "dataset", 20, "tune", horizon=horizon)
    assert problems.expert.shape == (20, 5 * horizon, 2)
    ends = problems.environment.simulate(problems.starts, problems.expert)[:, -1]
    np.testing.assert_array_equal(ends, problems.goals)
    assert (problems.environment.distance(problems.starts, problems.goals) >= 1).all()
    with pytest.raises(LabError, match=r"A goal is 1 to 1000 latent steps from its start, got 0\."):
        sample_problems("wall", "dataset", 20, horizon=0)


@pytest.mark.parametrize("goals", GOALS)
def test_problems_follow_from_split_and_seed(goals):
    first, again = (sample_problems("wall", goals, 20) for _ in range(2))
    np.testing.assert_array_equal(first.starts, again.starts)
    np.testing.assert_array_equal(first.goals, again.goals)
    for other in (sample_problems("wall", goals, 20, "tune"), sample_problems("wall", goals, 20, "test", 1)):
        assert not (first.starts == other.starts).all(1).any()


def test_more_dataset_problems_begin_with_the_same_ones():
    few, many = (sample_problems("wall", "dataset", n) for n in (10, 60))
    np.testing.assert_array_equal(few.starts, many.starts[:10])
    np.testing.assert_array_equal(few.goals, many.goals[:10])


@pytest.mark.parametrize("task", ["wall", "point_maze"])
def test_no_start_and_no_goal_is_a_state_of_the_training_data(task):
    """A ball at rest in a corner of the maze is one: all trajectories that end up there are equal to the last bit."""
    states = collect_states(DataSpec(task, "train", 200)).states
    known = set(map(bytes, np.ascontiguousarray(states.reshape(-1, states.shape[-1]))))
    problems = sample_problems(task, "dataset", 150)
    assert not known.intersection(map(bytes, [*problems.starts, *problems.goals]))
    assert (len(known) < 0.97 * states[..., 0].size) == (task == "point_maze"), "its corners recur"


def test_some_of_the_problems_are_problems():
    problems = sample_problems("wall", "dataset", 10)
    few = problems[2:5]
    assert len(few) == 3
    np.testing.assert_array_equal(few.expert, problems.expert[2:5])
    assert sample_problems("wall", "random", 4)[:2].expert is None


@pytest.mark.parametrize(
    ("goals", "n", "message"),
    [
        ("far", 5, "Unknown goals 'far'"),
        ("random", 0, "got 0"),
        ("dataset", 1.5, "got 1.5"),
        ("random", True, "got True"),
    ],
)
def test_impossible_problems_are_refused(goals, n, message):
    with pytest.raises(LabError, match=message):
        sample_problems("wall", goals, n)


@pytest.mark.parametrize("goals", GOALS)
@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"seed": 1.5}, {"seed": True}, {"seed": 2**32}, {"split": "tes"}, {"split": None}]
)
def test_problems_of_no_seed_or_split_are_refused(goals, wrong):
    with pytest.raises(LabError, match=r"(a whole number from 0 to \d+, got|Unknown split)"):
        sample_problems("wall", goals, 2, **wrong)


def test_problems_along_trajectories_are_solved_by_replaying_them():
    task = make_task("wall")
    states, actions = task.collect(np.random.default_rng(0), 30, 20)
    problems = problems_along(task, states, actions, 10, 12)
    np.testing.assert_array_equal(task.simulate(problems.starts, problems.expert)[:, -1], problems.goals)
    assert problems.expert.shape == (10, 12, 2) and task.start_outside_goal(problems.starts, problems.goals).all()
    np.testing.assert_array_equal(problems_along(task, states, actions, 10, 12).starts, problems.starts)
    assert (problems_along(task, states, actions, 10, 12, seed=1).starts != problems.starts).any()


@pytest.mark.parametrize(
    ("n", "steps", "message"), [(31, 12, "of 31 problems found in 30"), (1, 21, "20 steps"), (1, 0, "got 0")]
)
def test_too_few_or_too_short_trajectories_are_refused(n, steps, message):
    states, actions = make_task("wall").collect(np.random.default_rng(0), 30, 20)
    with pytest.raises(LabError, match=message):
        problems_along(make_task("wall"), states, actions, n, steps)


def test_problems_of_a_slow_task_are_kept(empty_cache):
    drawn = sample_problems("rope", "dataset", 3)
    (file,) = (empty_cache / "problems" / "rope").iterdir()
    made = file.stat().st_mtime_ns
    again = sample_problems("rope", "dataset", 3)
    assert file.stat().st_mtime_ns == made
    file.write_bytes(b"broken")
    for other in (again, sample_problems("rope", "dataset", 3)):
        assert all(np.array_equal(getattr(drawn, name), getattr(other, name)) for name in ("starts", "goals", "expert"))
    assert file.stat().st_mtime_ns != made
