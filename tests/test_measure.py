"""What every study measures of a case, and which cases there are."""

import numpy as np
import pandas as pd
import pytest

from lab.evaluation.gap import expert_error
from lab.models import load_model
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config
from lab.studies.common.measure import by_step, cases, errors, expert, measure, measure_all, summary
from lab.tasks import make_task

CONFIG = Config("push_t", "smoke")


@pytest.fixture(scope="module")
def model(trained):
    return "base", 0, load_model(trained("push_t", "base", 0))


@pytest.fixture
def case(model):
    (found,) = cases(CONFIG, CONFIG.protocols().values(), [model], ["gd"])
    return found


def test_a_problem_has_a_row(case):
    table = measure(CONFIG, case, also=[errors])
    assert table.pair.tolist() == [0, 1, 2, 3] and (table.planner == "gd").all()
    assert (table.success_block >= table.success).all() and (table.success >= table.at_end).all()
    task, problems = make_task("push_t"), case.protocol.problems()
    np.testing.assert_allclose(table["start"], task.distance(problems.starts, problems.goals))
    assert (table.at_end == (table.distance < 1)).all()
    assert table.loss.notna().all() and (table.seconds > 0).all()
    np.testing.assert_allclose(by_step(table).mean(1), table.error, rtol=1e-6)


def test_what_is_kept_is_read_back_and_depends_on_the_planner(case, model, own_cache):
    kept = Cases("fig4_gap", "push_t")
    first, again = (measure(CONFIG, case, kept, [errors]) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert kept.kept == 1
    (other,) = cases(CONFIG, CONFIG.protocols().values(), [model], ["adam"])
    assert measure(CONFIG, other, kept, [errors]).loss.tolist() != first.loss.tolist()
    assert kept.kept == 1


def test_the_expert_is_a_case_as_any_other(model):
    (protocol,) = CONFIG.protocols().values()
    table = measure(CONFIG, expert(protocol, *model), also=[errors])
    assert table.success.all(), "data-set goals are where the expert went"
    np.testing.assert_allclose(by_step(table), expert_error(model[2], protocol.problems()), rtol=1e-5)


def test_long_cases_are_for_the_models_named_there(model):
    config = Config("push_t", "smoke", seeds="0:2")
    models = [(name, seed, model[2]) for name in ("base", "online") for seed in (0, 1)]
    long = {("cem", "open"): [("base", 0), ("online", 1)]}
    todo = list(cases(config, config.protocols().values(), models, ["gd", "cem"], ["open"], long))
    by_cem = [(case.model_name, case.train_seed) for case in todo if case.planner_name == "cem"]
    assert by_cem == long["cem", "open"]
    assert len(todo) == 4 + 2
    table, about = measure_all(config, "fig4_gap", todo[:2])
    assert len(table) == 8 and [protocol["goals"] for protocol in about["protocols"]] == ["dataset"]
    assert summary(table[table.planner == "gd"])["n"] == 4
