"""Looking into a world model's file, wherever it comes from."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from lab.errors import LabError
from lab.files import SHIPPED
from lab.models import load_model, whole_file
from lab.models.inspect import LARGEST, PARTS, change, read_checkpoint, statistics_table, tensor_table

TASKS = sorted({path.parts[-4] for path in SHIPPED.glob("*/*/seed*/model.json")})
WALL = whole_file(SHIPPED / "wall" / "base" / "seed0")


@pytest.mark.parametrize("method", ["base", "adversarial"])
@pytest.mark.parametrize("task", TASKS)
def test_shipped_models_are_recognised(task, method):
    folder = SHIPPED / task / method / "seed0"
    checkpoint = read_checkpoint(whole_file(folder))
    assert checkpoint.task == task and checkpoint.shipped == (method, 0)
    spec = load_model(folder).spec
    assert checkpoint.sizes.items() <= vars(spec).items()


@pytest.mark.parametrize("task", ["wall", "push_t"])
def test_a_model_of_ones_own(task, trained):
    folder = trained(task, "online")
    checkpoint = read_checkpoint(whole_file(folder))
    assert checkpoint.task is None and checkpoint.shipped is None
    assert checkpoint.sizes.items() <= vars(load_model(folder).spec).items()


def test_one_with_the_shipped_encoder():
    tensors = load(WALL)
    tensors["predictor.head.bias"] += 1
    checkpoint = read_checkpoint(save(tensors))
    assert checkpoint.task == "wall" and checkpoint.shipped is None


@pytest.mark.parametrize("task", TASKS)
def test_a_row_for_each_tensor_with_numbers(task):
    checkpoint = read_checkpoint(whole_file(SHIPPED / task / "base" / "seed0"))
    table = tensor_table(checkpoint)
    assert set(table.part) == set(PARTS) and table.notna().all(axis=None)
    assert table.numbers.sum() == sum(tensor.numel() for tensor in checkpoint.tensors.values())


def test_tables():
    checkpoint = read_checkpoint(WALL)
    table = tensor_table(checkpoint)
    assert len(table) == len(checkpoint.tensors)
    row = table.set_index("tensor").loc["predictor.head.weight"]
    assert row["shape"] == "66 x 256" and row.numbers == 66 * 256
    statistics = statistics_table(checkpoint).set_index("input")
    assert statistics.loc["action 0", "standard deviation"] == pytest.approx(float(checkpoint.tensors["action_std"][0]))
    assert len(statistics) == 2 + 2 + 1


def test_change():
    base = read_checkpoint(WALL)
    assert (change(base, base).change == 0).all()
    tensors = load(WALL)
    tensors["predictor.body.3.weight"] *= 1.5
    moved = change(read_checkpoint(save(tensors)), base).set_index("tensor").change
    assert moved["predictor.body.3.weight"] == pytest.approx(0.5) and (moved > 0).sum() == 1
    other = read_checkpoint(whole_file(SHIPPED / "push_t" / "base" / "seed0"))
    with pytest.raises(LabError, match="differ in their sizes"):
        change(base, other)


def altered(**tensors: torch.Tensor | None) -> bytes:
    """The wall's base model with some tensors put in or, by None, left out."""
    return save({name: tensor for name, tensor in (load(WALL) | tensors).items() if tensor is not None})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a readable safetensors file"),
        (b"no", "not a readable safetensors file"),
        (b"\xff" * 64, "not a readable safetensors file"),
        (WALL[:1000], "not a readable safetensors file"),
        (WALL[:-5], "not a readable safetensors file"),
        (WALL + b"more", "not a readable safetensors file"),
        (save({"a": torch.zeros(3)}), "not of a world model of this lab"),
        (altered(action_mean=None), "not of a world model of this lab"),
        (altered(action_mean=torch.zeros(0)), "not of a world model of this lab"),
        (altered(action_mean=torch.tensor(1.0)), "not of a world model of this lab"),
        (altered(latent_std=None), "1 tensors differ, first latent_std"),
        (altered(more=torch.zeros(2)), "1 tensors differ, first more"),
        (altered(latent_std=torch.full((64,), float("nan"))), "NaN or infinite numbers in latent_std"),
        (altered(**{"predictor.body.0.weight": torch.zeros(4_000_000, 1, dtype=torch.int8)}), "not of a world model"),
        (altered(**{f"predictor.body.{i}.x": torch.zeros(1, 1) for i in range(300)}), "not of a world model"),
    ],
)  # fmt: skip
def test_foreign_and_corrupt_files(data, message):
    with pytest.raises(LabError, match=message) as caught:
        read_checkpoint(data, "file.safetensors")
    assert str(caught.value).startswith("file.safetensors") and str(caught.value).count(". ") == 0


def test_too_much_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr("lab.models.inspect.load", lambda data: pytest.fail("parsed"))
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({str(i): entry for i in range(400_000)}).encode()
    for data, message in (
        (bytes(LARGEST * 2**20 + 1), f"32 MiB; a world model's file has at most {LARGEST}"),
        (len(header).to_bytes(8, "little") + header, "names more tensors than any world model"),
    ):
        with pytest.raises(LabError, match=message):
            read_checkpoint(data, "file.safetensors")


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 6000), value=st.integers(0, 255))
def test_a_changed_byte_never_breaks_anything(at, value):
    """In the header, which is what could mislead, and a little beyond."""
    try:
        read_checkpoint(WALL[:at] + bytes([value]) + WALL[at + 1 :])
    except LabError as error:
        assert len(str(error)) < 300
