"""Your own, in Streamlit's own test runner and in a real browser."""

import shutil

import pytest
from harness import address, commands, settled, whole

from lab.benchmarks import recipe_of
from lab.files import MODELS, SHIPPED
from lab.models import whole_file
from lab.repro.custom_run import CustomRun
from lab.repro.processes import Status

RADIUS = recipe_of("wall").radii.action
FILE = whole_file(SHIPPED / "wall" / "online" / "seed0")


@pytest.fixture
def own_cache_of_app(app, cache, monkeypatch, tmp_path):
    """A cache whose trainings are seen by one test alone."""
    shutil.copytree(cache / "models", tmp_path / "cache" / "models")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def button(test, label):
    return next(button for button in test.button if button.label == label)


def said(test) -> str:
    return " ".join(element.value for kind in ("markdown", "caption", "success", "info") for element in test.get(kind))


class TestTraining:
    @pytest.mark.parametrize("method", MODELS)
    def test_every_method(self, app, own_cache_of_app, method):
        test = app("train", method=method)
        assert whole(test) and len(test.get("plotly_chart")) == 1
        keys = {field.key for field in test.number_input}
        assert ("radius" in keys) == (method == "adversarial") and ("rounds" in keys) == (method == "online")
        assert f"--method {method} --steps 500" in commands(test)[0]

    def test_address_is_honoured_and_kept(self, app, own_cache_of_app):
        url = {"task": "push_t", "size": "smoke", "steps": "120", "radius": "0.5", "seed": "3"}
        test = app("train", **url)
        assert whole(test) and address(test) == url
        line = "--task push_t --method adversarial --steps 120 --radius 0.5 --seed 3 --preset smoke"
        assert commands(test)[0] == f"python -m lab train {line}"

    @pytest.mark.parametrize(
        "url",
        [{"method": "gan"}, {"steps": "0"}, {"steps": "1e9"}, {"radius": "nan"}, {"seed": "-1"}, {"part": "../etc"},
         {"size": "huge"}, {"method": "online", "rounds": "100"}],
    )  # fmt: skip
    def test_bad_address(self, app, own_cache_of_app, url):
        test = app("train", **url)
        assert whole(test) and "The address asks for" in test.info[0].value

    def test_start_passes_the_command_on(self, app, own_cache_of_app, monkeypatch):
        commands = []
        started = "lab.repro.processes.Processes.start"
        monkeypatch.setattr(started, lambda self, name, command, owner: commands.append(command))
        test = app("train", size="smoke", steps="20")
        button(test, "Train").click().run()
        assert whole(test) and commands == [CustomRun("wall", "adversarial", 0, "smoke", 20, None, RADIUS).command]

    def test_while_it_runs_and_when_it_dies(self, app, own_cache_of_app, monkeypatch):
        test = app("train", size="smoke", steps="100")
        folder = CustomRun("wall", "adversarial", 0, "smoke", 100, None, RADIUS).folder
        status = Status(running=True, stopped=False, seconds=1, last="collecting: 10%")
        monkeypatch.setattr("lab.repro.processes.Processes.status", lambda self, name: status)
        test.run()
        assert whole(test) and button(test, "Stop") and "collecting: 10%" in test.get("progress")[0].proto.text
        folder.mkdir(parents=True)
        (folder / "metrics.jsonl").write_text(
            '{"step": 49, "loss": 0.5, "latent": 0.4, "proprio": 0.1}\n{"ste', "utf-8"
        )
        assert whole(test.run()) and test.get("progress")[0].proto.text == "Step 50 of 100"
        (folder / "state.safetensors").touch()
        status = Status(running=False, stopped=False, seconds=1, last="", error="The background run was ended.")
        test.run()
        assert not test.exception and "was ended" in test.error[0].value
        assert "step 50 of 100" in test.info[0].value and button(test, "Resume")

    def test_a_finished_one(self, app, own_cache_of_app, tiny_recipes):
        CustomRun("wall", "control", 0, "quick", 12).train(progress=False)
        test = app("train", method="control", steps="12")
        assert whole(test) and "Trained: 12 steps" in test.success[0].value
        assert len(test.get("download_button")) == 1 and button(test, "Test it on 50 problems")
        test.number_input(key="steps").set_value(500).run()
        button(test, "Control · 12 steps · seed 0").click().run()  # back to it, from the list
        assert whole(test) and test.success and test.number_input(key="steps").value == 12

    def test_of_another_visitor(self, app, own_cache_of_app, tiny_recipes):
        """What is stopped is theirs; what is finished is everybody's, but theirs to delete."""
        run = CustomRun("wall", "control", 0, "quick", 12)
        run.folder.mkdir(parents=True)
        (run.folder / "owner").write_text("another", "utf-8")
        test = app("train", method="control", steps="12")
        assert whole(test) and "another seed" in said(test) and not {"Train", "Resume"} & {b.label for b in test.button}
        run.train(progress=False)
        assert whole(test.run()) and test.success and "Delete" not in [b.label for b in test.button]
        button(test, "Plan with it").click().run()
        assert whole(test) and test.session_state["model"] == f"own.{run.folder.name}"
        shutil.rmtree(run.folder)
        test.switch_page("views/plan.py").run()
        assert whole(test) and "is not there any more" in test.info[0].value


class TestLookInside:
    @pytest.mark.parametrize("model", ["base", "adversarial"])
    def test_a_model_that_is_there(self, app, model):
        test = app("train", part="inspect", model=model)
        assert whole(test) and address(test)["part"] == "inspect" and len(test.metric) == 6
        assert "Training seed 0" in said(test)

    def test_a_dropped_file(self, app):
        test = app("train", part="inspect")
        test.file_uploader[0].upload("mine.safetensors", FILE, "application/octet-stream").run()
        assert whole(test) and test.subheader[0].value == "mine.safetensors" and len(test.metric) == 6

    @pytest.mark.parametrize("data", [b"no", FILE[:5000], b"\x00" * 100])
    def test_a_foreign_file_gets_one_sentence(self, app, data):
        test = app("train", part="inspect")
        test.file_uploader[0].upload("x.safetensors", data, "application/octet-stream").run()
        assert not test.exception and not test.metric
        assert test.error[0].value == "x.safetensors is not a readable safetensors file."

    def test_a_missing_model(self, app, monkeypatch, tmp_path):
        monkeypatch.setenv("LAB_CACHE", str(tmp_path))
        test = app("train", part="inspect")
        assert not test.exception and "python -m lab train" in test.error[0].value


class TestBrowser:
    @pytest.mark.slow
    def test_train_stop_resume_and_reload(self, visit):
        """The whole way, with a real worker."""
        page = visit("train", "?size=smoke&steps=20000&method=control")
        page.get_by_role("button", name="Train", exact=True).focus()
        page.keyboard.press("Enter")
        page.get_by_text("of 20000").first.wait_for()
        page.reload()
        settled(page)
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Train", exact=True).or_(page.get_by_role("button", name="Resume")).wait_for()
        settled(page)

    def test_a_file_from_the_disk(self, visit, tmp_path):
        page = visit("train", "?part=inspect")
        page.get_by_role("button", name="A file of yours").click()
        (tmp_path / "mine.safetensors").write_bytes(FILE)
        page.locator("input[type=file]").set_input_files(tmp_path / "mine.safetensors")
        page.get_by_text("shipped Online model of Wall, seed 0").wait_for()
        settled(page)
