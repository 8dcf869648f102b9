"""The experiment on all planners, what it counts, and the initialisation network it uses."""

import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from cells import run_cells

from lab.benchmarks import card_of
from lab.checksums import write_manifest
from lab.cli import main
from lab.errors import LabError
from lab.files import model_folder, models_root
from lab.models import load_model
from lab.models.initialisation import InitialisationNetwork, load_initialisation, save_initialisation
from lab.planning import CATALOG, COMPARED, PLANNERS, Settings
from lab.repro import settings
from lab.results import Result, load_result, save_result
from lab.studies.common import claims
from lab.studies.common.config import Config
from lab.studies.common.stored import REFERENCE, results_of
from lab.studies.fig3_efficiency import figures as fig3
from lab.studies.fig3_efficiency import study as fig3_efficiency
from lab.studies.planners import figures as plots
from lab.studies.planners import study as planners
from lab.studies.planners.memory import PeakMemory
from lab.studies.tuning import study as tuning
from lab.training import initialisation
from lab.training.initialisation import InverseDynamics, initialisation_of, trained_network
from lab.training.latents import LatentData
from lab.training.loop import Schedule


@pytest.fixture(scope="module")
def result():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planners, "MODELS", ("base",))
        return planners.run(Config("wall", "smoke"))


# --- The experiment


def test_every_planner_is_measured(result):
    table = result.tables["planners"]
    assert list(table.planner) == list(planners.ALL) and set(table.n) == {4}
    assert set(planners.ALL) == set(CATALOG) - {"random", "nothing"}
    counts = table.set_index("planner")[["steps", "gradient_steps"]]
    # 3 iterations of 5 latent steps, and one more to say what the plan is worth
    assert tuple(counts.loc["adam"]) == (20, 15)
    assert tuple(counts.loc["restarts"]) == (8 * 5 * (16 + 3 + 1), 120)  # of 8 starts, each the best of 16
    assert tuple(counts.loc["cem"]) == (5 * (3 * 20 + 1), 0)
    assert tuple(counts.loc["network"]) == (5, 0)
    assert tuple(counts.loc["gradcem"]) == (5 * (6 * 20 + 1), 5 * 3 * 20)
    assert (table.memory > 0).all() and (table.seconds > 0).all()
    memory = table.set_index("planner").memory
    assert memory["network"] < memory["adam"] < memory["restarts"] < 10
    assert set(result.tables["differences"].ours) == set(planners.ALL) - {"cem"}
    told = planners.sentences(result)
    assert "base, adam: " in told and "base, CEM, bounded minus unbounded: " in told


def test_the_same_run_gives_the_same_numbers(result):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planners, "MODELS", ("base",))
        patch.setattr(planners, "ALL", ("adam", "network", "prior", "cem"))
        again = planners.run(Config("wall", "smoke")).tables["planners"]
    first = result.tables["planners"].set_index("planner").loc[again.planner].reset_index()
    for column in again.columns.difference(["seconds"]):
        pd.testing.assert_series_equal(again[column], first[column])


def test_the_figures_are_drawn_from_what_was_saved(result, tmp_path):
    save_result(result, tmp_path)
    stored = load_result(tmp_path)
    plots.print_figure(stored).canvas.draw()
    assert {trace.name for trace in plots.interactive(stored).data} == {"Base"}


def test_efficiency_has_the_start_from_the_network_where_there_is_one(monkeypatch, tmp_path):
    for module in (planners, fig3_efficiency):
        monkeypatch.setattr(module, "MODELS", ("base",))
    monkeypatch.setitem(fig3_efficiency.ITERATIONS, fig3_efficiency.STARTED, (2,))
    result = fig3_efficiency.run(Config("wall", "smoke"))
    curves = result.tables["curves"].set_index(["planner", "iterations"])
    assert curves.loc["network+adam"].index.tolist() == [2, 3]
    monkeypatch.setattr(planners, "ALL", ("network+adam", "cem"))
    same = planners.run(Config("wall", "smoke")).tables["planners"].set_index("planner")
    assert curves.loc[("network+adam", 3), "rate"] == same.loc["network+adam", "rate"]
    ratios = result.tables["ratios"]
    assert set(ratios.planner) == {"gd", "adam", "restarts", "raced", "network+adam"} and set(ratios.model) == {"base"}
    labels = {text.get_text() for text in fig3.print_figure(result).legends[0].get_texts()}
    assert "Network, then Adam" in labels
    told = claims.verdicts({fig3_efficiency.NAME: result})
    assert len(told) == 8  # the claim is about descents from noise, by two clocks
    monkeypatch.setattr(fig3_efficiency, "find_initialisation", lambda model, preset: None)
    assert set(fig3_efficiency.run(Config("wall", "smoke")).tables["curves"].planner) == {*COMPARED, "raced"}


def test_the_exercise_shows_what_more_starts_do():
    one, two = (planners.try_restarts(Config("wall", "smoke"), "base", starts) for starts in (1, 2))
    assert len(two) == 4 and (two.loss <= one.loss + 1e-6).all()
    assert plots.restarts_figure(two, 2).axes[0].get_xlabel() == "predicted loss"


def test_peak_memory_counts_what_is_alive():
    outside = torch.zeros(1000)
    with PeakMemory() as memory:
        a = torch.zeros(1000)
        b = a + outside.view(10, 100).flatten()
        del a
        c = b * 2
        c.view(10, 100).add_(1)
    assert memory.peak == 8000


def test_a_setting_stays_unless_another_is_better_by_an_interval():
    rows = [("x", "a", "b", 5.0, 1.0), ("x", "c", "b", 6.0, -1.0), ("y", "d", "e", 1.0, 0.5), ("y", "f", "e", 2.0, 0.1)]
    rows += [("z", "g", "h", 3.0, -1.0)]
    table = pd.DataFrame(rows, columns=["planner", "setting", "former", "difference", "low"])
    assert tuning.chosen(table) == {"x": "a", "y": "f", "z": "h"}
    assert set(tuning.CANDIDATES) <= set(PLANNERS)
    assert all(former in tuning.CANDIDATES[planner] for (_, planner), former in tuning.REPLACED.items())


def test_settings_are_compared_with_those_of_version_0_1_on_the_tune_split(monkeypatch):
    config, few = Config("wall", "smoke"), 2
    present = config.planner("gd")
    candidates = {"slow": replace(present, lr=1e-6), "present": present}
    monkeypatch.setattr(tuning, "CANDIDATES", {"gd": candidates})
    monkeypatch.setattr(tuning, "N", 2 * few)
    found = tuning.run(config)
    assert {protocol["split"] for protocol in found.meta["protocols"]} == {"tune"}
    rates, (difference,) = found.tables["planners"], found.tables["differences"].itertuples()
    assert list(rates.setting) == ["slow"] * 2 + ["present"] * 2 and set(rates.n) == {few}
    assert (difference.setting, difference.former, difference.n) == ("slow", "present", 2 * few)
    slow, of_card = rates.groupby("setting", sort=False).value.mean()
    assert difference.difference == pytest.approx(slow - of_card)
    monkeypatch.setattr(tuning, "CANDIDATES", {"gd": {"slow": candidates["slow"]}})
    with pytest.raises(LabError, match="The setting of gd on the card of wall is no candidate"):
        tuning.run(config)


def test_the_table_of_settings_says_what_decided():
    rates = [("gd", "a", "near", 0.4), ("gd", "a", "far", 0.2), ("gd", "b", "near", 0.5), ("gd", "b", "far", 0.5)]
    tables = {"planners": pd.DataFrame(rates, columns=["planner", "setting", "goals", "value"])}
    columns = ["planner", "setting", "former", "difference", "low", "high"]
    for low, cell in ((0.1, "**50 with b**: +20.0 points [+10.0, +30.0] to a"), (-0.1, "30 with a; b: +20.0 points")):
        tables["differences"] = pd.DataFrame([("gd", "b", "a", 0.2, low, 0.3)], columns=columns)
        assert settings._cell(Result(tables, {}), "gd").startswith(cell)


@pytest.mark.parametrize("task", ["push_t", "point_maze", "wall"])
def test_the_settings_are_those_that_were_chosen(task):
    choice = tuning.chosen(results_of(task, "full", REFERENCE)[tuning.NAME].tables["differences"])
    assert set(choice) == set(tuning.CANDIDATES)
    for name, setting in choice.items():
        assert card_of(task).settings.planner(name) == tuning.CANDIDATES[name][setting]


# --- The initialisation network


def latents(n=40, length=12, skip=2):
    """Trajectories of z' = z + a, whose actions are known from start and goal on average."""
    rng = torch.Generator().manual_seed(0)
    velocity = torch.randn(n, 1, 2, generator=rng)
    actions = velocity.expand(n, length, 2).contiguous()
    z = torch.cat([torch.zeros(n, 1, 2), actions.cumsum(1)], 1)
    return LatentData(z, actions, skip)


def test_segments_hold_what_leads_from_start_to_end():
    method = InverseDynamics(latents(), horizon=3)
    z0, goal, steps, blocks = method.batch(200, torch.Generator().manual_seed(0))
    assert set(steps.tolist()) == {1, 2, 3} and blocks.shape == (200, 3, 4)
    torch.testing.assert_close(z0 + blocks.view(200, 3, 2, 2).sum((1, 2)), goal, atol=1e-4, rtol=1e-4)
    assert all((block[count:] == 0).all() for block, count in zip(blocks, steps, strict=True))


def test_the_network_learns_to_give_actions_back():
    method = InverseDynamics(latents(), horizon=3)
    network, loss = trained_network(method, Schedule(steps=300, lr=3e-3, batch=64), progress=False)
    again, _ = trained_network(method, Schedule(steps=300, lr=3e-3, batch=64), progress=False)
    assert loss < 0.05
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    z0, goal, *_ = method.batch(50, torch.Generator().manual_seed(1))
    assert network.propose(z0, goal, 2).shape == (50, 2, 4)


def test_a_state_prior_learns_how_sure_it_can_be(tmp_path):
    data, rng = latents(), torch.Generator().manual_seed(3)
    unsure = data.actions.clone()
    unsure[..., 1] += 0.5 * torch.randn(unsure.shape[:-1], generator=rng)  # what the states do not tell
    method = InverseDynamics(LatentData(data.z, unsure, data.frameskip), horizon=3)
    schedule = Schedule(steps=300, lr=3e-3, batch=64)
    network, loss = trained_network(method, schedule, progress=False, gaussian=True)
    z0, goal, *_ = method.batch(50, torch.Generator().manual_seed(1))
    mean, std = network.believe(z0, goal, 2)
    assert mean.shape == std.shape == (50, 2, 4) and torch.equal(mean, network.propose(z0, goal, 2))
    first, second = std[..., ::2].mean().item(), std[..., 1::2].mean().item()
    assert first < 0.3 and second == pytest.approx(0.5, abs=0.15) and loss < -0.5
    save_initialisation(network, tmp_path, {"task": "wall"})
    torch.testing.assert_close(load_initialisation(tmp_path)[0].believe(z0, goal, 2), (mean, std))


def test_a_stopped_training_of_the_network_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    method, schedule = InverseDynamics(latents(), horizon=3), Schedule(steps=20, batch=16, checkpoint_every=5)
    expected, loss = trained_network(method, schedule, progress=False)
    original = InverseDynamics.loss

    def stop(self, model, step, *rest):
        if step == 12:
            raise KeyboardInterrupt
        return original(self, model, step, *rest)

    monkeypatch.setattr(InverseDynamics, "loss", stop)
    with pytest.raises(KeyboardInterrupt):
        trained_network(method, schedule, progress=False, run=tmp_path)
    monkeypatch.setattr(InverseDynamics, "loss", original)
    network, resumed_loss = trained_network(method, schedule, progress=False, run=tmp_path)
    assert resumed_loss == pytest.approx(loss)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), expected.parameters(), strict=True))


def test_a_training_of_the_network_that_diverges_is_told():
    with pytest.raises(LabError, match="training stops: lower lr"):
        trained_network(InverseDynamics(latents(), horizon=3), Schedule(steps=20, lr=1e30, batch=16), progress=False)


def test_a_broken_network_of_the_cache_is_told_with_the_command_that_makes_it(empty_cache):
    folder = empty_cache / "models-smoke" / "wall" / "initialisation" / "seed0"
    save_initialisation(InitialisationNetwork(3, 4, horizon=2, hidden=8), folder, {})
    (folder / "network.safetensors").write_bytes(b"torn")
    words = "python -m lab train --task wall --method initialisation --seed 0 --preset smoke"
    with pytest.raises(LabError, match=rf"To make it again, delete {folder} and run '{words}'\.$"):
        load_initialisation(folder)


def test_a_network_is_kept_and_damage_is_told(tmp_path):
    network = InitialisationNetwork(3, 4, horizon=2, hidden=8)
    save_initialisation(network, tmp_path, {"task": "wall"})
    loaded, info = load_initialisation(tmp_path)
    assert info["task"] == "wall" and not any(p.requires_grad for p in loaded.parameters())
    z0, goal = torch.randn(2, 5, 3)
    torch.testing.assert_close(loaded.propose(z0, goal, 2), network.propose(z0, goal, 2))
    info["sizes"]["hidden"] = 9
    write_manifest(tmp_path / "network.json", info, [tmp_path / "network.safetensors"])
    with pytest.raises(LabError, match="does not fit"):
        load_initialisation(tmp_path)
    (tmp_path / "network.safetensors").write_bytes(b"torn")
    with pytest.raises(LabError, match="has been changed since it was written"):
        load_initialisation(tmp_path)


@pytest.mark.parametrize("task", ["push_t", "point_maze", "wall"])
def test_the_shipped_networks_are_small_and_fit_the_shipped_models(task):
    model = load_model(model_folder(task, "base"))
    network = initialisation_of(model)
    z = torch.randn(2, model.latent_dim + model.spec.proprio_dim)
    assert network.propose(z, z, 5).shape == (2, 5, model.block_dim)
    assert sum(p.numel() for p in network.parameters()) * 4 < 1e6


def test_an_encoder_without_its_network_is_told(tiny_model):
    with pytest.raises(LabError, match="python -m lab train --task wall --method initialisation"):
        initialisation_of(tiny_model("wall"))


def test_every_training_seed_has_a_network_of_its_own_encoder(empty_cache):
    config = Config("wall", "smoke", seeds="1:3")
    config.train_networks()
    (_, _, first), (_, _, second) = config.models(("base",))
    networks = [initialisation_of(model, "smoke") for model in (first, second)]
    assert not torch.equal(networks[0].head.weight, networks[1].head.weight)
    paths = [folder.name for folder in initialisation.folders("wall", "smoke")]
    assert paths == ["seed1", "seed2"]


def test_train_and_start_from_the_command_line(empty_cache, capsys):
    assert main(["train", "--task", "wall", "--method", "initialisation", "--preset", "smoke"]) == 0
    assert (models_root("smoke") / "wall" / "initialisation" / "seed0" / "network.json").is_file()
    assert main(["train", "--task", "wall", "--method", "initialisation", "--steps", "3"]) == 2
    assert "leave out the settings" in capsys.readouterr().err
    plan = ["plan", "--task", "wall", "--preset", "smoke", "--problems", "2", "--planner", "cem", "--start", "prior"]
    assert main([*plan, "--out", str(empty_cache / "strip.png")]) == 2
    assert "No state prior for this encoder of wall: train it with 'python -m lab train" in capsys.readouterr().err
    assert main(["train", "--task", "wall", "--method", "state_prior", "--preset", "smoke"]) == 0
    assert main([*plan, "--out", str(empty_cache / "strip.png")]) == 0


def test_plan_starts_where_the_network_says(tmp_path, change_card, capsys):
    change_card("wall", settings=Settings({"adam": {"iterations": 2}}))
    out = ["--out", str(tmp_path / "strip.png")]
    assert main(["plan", "--task", "wall", "--problems", "2", "--start", "network", *out]) == 0
    assert "of 2 =" in capsys.readouterr().out


def test_losses_of_the_table_are_finite(result):
    assert np.isfinite(result.tables["pairs"].loss).all()


def test_two_at_once_train_one_network(trained, tiny_recipe, monkeypatch, empty_cache):
    recipe, fitted = tiny_recipe("wall"), []
    original = initialisation.trained_network
    base = trained("wall")  # not in a thread: it works in another cache
    monkeypatch.setattr(initialisation, "_base", lambda *_: base)
    monkeypatch.setattr(initialisation, "trained_network", lambda *given: fitted.append(1) or original(*given))
    threads = [
        threading.Thread(target=initialisation.train_initialisation, args=("wall", recipe, "smoke", "small", False))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (folder,) = initialisation.folders("wall", "smoke")
    assert fitted == [1] and sorted(path.name for path in folder.iterdir()) == ["network.json", "network.safetensors"]


def test_the_notebooks_cells_run(result, tmp_path):
    run_cells("planners", result, tmp_path)
