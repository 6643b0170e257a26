"""What others recorded comes in bit by bit, whatever they called it; what would have to be unpickled does not."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gasfield
from gasfield.errors import InputError
from gasfield.importing import import_recording

pytest.importorskip("torch", reason="checkpoints of torch.save need the extra `gasfield[record]`")
import torch
from safetensors.torch import save_file

FRAMES, ROWS, WIDTH = 7, 12, 5


def bits(seed: int = 0, shape: tuple[int, ...] = (FRAMES, ROWS, WIDTH)) -> np.ndarray:
    """bfloat16 numbers, as bits."""
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def as_float(words: np.ndarray) -> np.ndarray:
    return (words.astype(np.uint32) << 16).view(np.float32)


def brought_in(source: Path, tmp_path: Path, **options: Any) -> gasfield.Trajectory:
    import_recording(source, tmp_path / "out.h5", **options)
    assert [path.name for path in tmp_path.iterdir() if "draft" in path.name or path.suffix == ".part"] == []
    return gasfield.open(tmp_path / "out.h5")


# --- trajectories -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["npz", "compressed npz", "safetensors", "folder"])
def test_a_trajectory_of_bits_with_all_that_comes_with_it(tmp_path: Path, form: str) -> None:
    arrays = {"W": bits(), "m": bits(1), "v": bits(2), "g": bits(3, (FRAMES - 1, ROWS, WIDTH))}
    arrays["loss"] = np.linspace(9, 3, FRAMES).astype(np.float32)
    folder = tmp_path / "theirs"
    folder.mkdir()
    path = folder / ("run.npz" if "npz" in form or form == "folder" else "run.safetensors")
    if form == "safetensors":
        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        save_file(tensors, path, metadata={"corpus": "theirs"})
    else:
        (np.savez_compressed if form == "compressed npz" else np.savez)(path, **arrays)
    ids = [100 + i for i in range(ROWS)]
    metadata = {"token_ids": ids, "tokens": [f"t{i}" for i in ids], "lr": 1e-3, "dead_ids": ids[4:], "nested": {"a": 1}}
    path.with_suffix(".json").write_text(json.dumps(metadata | {"steps": [0, 1, 2, 4, 8, 16, 32]}))
    with brought_in(folder if form == "folder" else path, tmp_path) as back:
        assert back.precision == "bfloat16"
        assert back.names == ["dead", "rest"]
        order = [*range(4, ROWS), *range(4)]
        assert list(back.token_ids) == [100 + i for i in order]
        assert back.tokens[0] == "t104"
        assert list(back.steps) == [0, 1, 2, 4, 8, 16, 32]
        np.testing.assert_array_equal(back.positions(), as_float(arrays["W"])[:, order])
        for name, key in (("first_moment", "m"), ("second_moment", "v"), ("gradient", "g")):
            series = back._content.series(f"particles/vectors/{name}", None, None)
            np.testing.assert_array_equal(series.values, as_float(arrays[key])[:, order])
        np.testing.assert_array_equal(back.observable("loss").values, arrays["loss"].astype(float))
        assert back.attributes["lr"] == 1e-3
        assert json.loads(back.attributes["nested"]) == {"a": 1}
        if form == "safetensors":
            assert back.attributes["corpus"] == "theirs"


@pytest.mark.parametrize(("dtype", "lattice"), [("f2", "float32"), ("f4", "float32"), ("f8", "float64")])
def test_floats_stay_what_they_are(tmp_path: Path, dtype: str, lattice: str) -> None:
    values = np.random.default_rng(0).standard_normal((3, 4, 2)).astype(dtype)
    values[1, 2, 1] = np.nan
    np.savez(tmp_path / "a.npz", W=values)
    with brought_in(tmp_path / "a.npz", tmp_path, every=2) as back:
        assert back.precision == lattice
        np.testing.assert_array_equal(back.positions(), values[::2].astype(back.positions().dtype))


# --- checkpoints ------------------------------------------------------------------------------------------------------

NAMING = {
    "Pythia": ("gpt_neox.embed_in.weight", "embed_out.weight"),
    "MultiBERT": ("bert.embeddings.word_embeddings.weight", "bert.embeddings.position_embeddings.weight"),
    "GPT-2": ("transformer.wte.weight", "transformer.wpe.weight"),
    "GPT-2, bare": ("wte.weight", "wpe.weight"),
    "Llama": ("model.embed_tokens.weight", "lm_head.weight"),
    "Qwen": ("model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight"),
    "wrapped": ("module._orig_mod.transformer.wte.weight", "module._orig_mod.transformer.wpe.weight"),
}


def state(naming: str, seed: int, dtype: torch.dtype = torch.bfloat16) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    entry, other = NAMING[naming]
    return {other: torch.randn(ROWS, WIDTH).to(dtype), entry: torch.randn(ROWS, WIDTH).to(dtype)}


@pytest.mark.parametrize("naming", NAMING)
@pytest.mark.parametrize("form", ["safetensors", "torch"])
def test_checkpoints_in_the_order_of_their_steps_whatever_the_matrix_is_called(
    tmp_path: Path, naming: str, form: str
) -> None:
    folder = tmp_path / "theirs"
    for step in (10, 2, 1000):
        place = folder / f"step{step}"
        place.mkdir(parents=True)
        if form == "safetensors":
            save_file(state(naming, step), place / "model.safetensors")
        else:
            torch.save({"model": state(naming, step), "step": step}, place / "pytorch_model.bin")
        (place / "optimizer.pt").write_bytes(b"whatever")
    with brought_in(folder, tmp_path) as back:
        assert list(back.steps) == [2, 10, 1000]
        assert back.precision == "bfloat16"
        for frame, step in enumerate(back.steps):
            np.testing.assert_array_equal(
                back.frame(frame), state(naming, int(step))[NAMING[naming][0]].float().numpy()
            )


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (["seed_0-step_20k.pt", "seed_0-step_0k.pt", "seed_0-step_2000k.pt"], [0, 20_000, 2_000_000]),
        (["iter_0000010.pt", "iter_0000002.pt"], [2, 10]),
        (["checkpoint-500.pt", "checkpoint-1500.pt"], [500, 1500]),
        (["a2.pt", "a10.pt", "a1.pt"], [0, 1, 2]),
    ],
)
def test_steps_from_names(tmp_path: Path, names: list[str], steps: list[int]) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    for name in names:
        torch.save(state("GPT-2", len(name)), folder / name)
    with brought_in(folder, tmp_path) as back:
        assert list(back.steps) == steps


def test_the_step_that_a_trainer_wrote(tmp_path: Path) -> None:
    for name, step in (("x", 7), ("y", 3)):
        (tmp_path / "theirs" / name).mkdir(parents=True)
        save_file(state("Llama", step), tmp_path / "theirs" / name / "model.safetensors")
        (tmp_path / "theirs" / name / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    with brought_in(tmp_path / "theirs", tmp_path) as back:
        assert list(back.steps) == [3, 7]


def test_another_matrix_by_name_and_shards(tmp_path: Path) -> None:
    folder = tmp_path / "theirs" / "step5"
    folder.mkdir(parents=True)
    entry, output = NAMING["Llama"]
    tensors = state("Llama", 5)
    shards = {"model-00001-of-00002.safetensors": entry, "model-00002-of-00002.safetensors": output}
    for file, name in shards.items():
        save_file({name: tensors[name]}, folder / file)
    index = {"weight_map": {name: file for file, name in shards.items()}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for source in (tmp_path / "theirs", folder):
        with brought_in(source, tmp_path, tensor="lm_head.weight", overwrite=True) as back:
            np.testing.assert_array_equal(back.frame(0), tensors["lm_head.weight"].float().numpy())


def test_numbers_of_different_width_are_kept_in_the_widest(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    torch.save(state("GPT-2", 1), tmp_path / "theirs" / "step1.pt")
    torch.save(state("GPT-2", 2, torch.float32), tmp_path / "theirs" / "step2.pt")
    with brought_in(tmp_path / "theirs", tmp_path) as back:
        assert back.precision == "float32"
        np.testing.assert_array_equal(back.frame(1), state("GPT-2", 2, torch.float32)[NAMING["GPT-2"][0]].numpy())


def test_one_matrix_is_one_frame(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    np.save(tmp_path / "m.npy", matrix)
    with brought_in(tmp_path / "m.npy", tmp_path) as back:
        assert list(back.steps) == [0]
        np.testing.assert_array_equal(back.frame(0), matrix)


def test_padding_is_noticed_by_the_tokenizer_or_by_equal_rows(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    tensors = state("Pythia", 0)
    tensors["gpt_neox.embed_in.weight"][-3:] = 0.25
    save_file(tensors, folder / "model.safetensors")
    with brought_in(folder, tmp_path) as back:
        assert back.names == ["rows", "padding"]
        assert list(back.token_ids[back.members("padding")]) == [9, 10, 11]
    (folder / "vocab.json").write_text(json.dumps({f"w{i}": i for i in range(10)}))
    with brought_in(folder, tmp_path, overwrite=True) as back:
        assert list(back.token_ids[back.members("padding")]) == [10, 11]
        assert back.tokens[3] == "w3"
        assert back.tokens[-1] == "<padding 11>"


def test_groups_by_name(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.arange(24.0).reshape(12, 2))
    (tmp_path / "dead.txt").write_text("5, 3  # two of them\n")
    groups = {"dead": str(tmp_path / "dead.txt"), "first": "0:2"}
    with brought_in(tmp_path / "m.npy", tmp_path, rows=groups) as back:
        assert back.names == ["dead", "first"]
        assert list(back.token_ids) == [3, 5, 0, 1]
    with brought_in(tmp_path / "m.npy", tmp_path, rows=groups, rest=True, overwrite=True) as back:
        assert len(back.members("rest")) == 8


MEASURED = """
import resource, sys
from gasfield.importing import import_recording
from gasfield.importing.importing import open_source
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
import_recording(sys.argv[1], sys.argv[2], rows={"some": "0:50"})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3)
"""


@pytest.mark.parametrize("form", ["safetensors", "torch", "npz"])
def test_no_more_than_a_matrix_or_two_is_in_memory(tmp_path: Path, form: str) -> None:
    """Eight matrices of 32 MB; all of them would be 256 MB. Mapped pages count as long as nobody wants them."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    matrix = np.random.default_rng(0).standard_normal((8_000, 1_000)).astype(np.float32)
    for step in range(8) if form != "npz" else ():
        if form == "safetensors":
            save_file({"wte.weight": torch.from_numpy(matrix)}, folder / f"step{step}.safetensors")
        else:
            torch.save({"wte.weight": torch.from_numpy(matrix)}, folder / f"step{step}.pt")
    if form == "npz":
        np.savez(folder / "a.npz", W=np.broadcast_to(matrix, (8, *matrix.shape)))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder), str(tmp_path / "out.h5")],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = 260.0 if form == "torch" else 0.0  # PyTorch itself, which the others do not load
    assert float(done.stdout) < 150.0 + imported


# --- what is refused --------------------------------------------------------------------------------------------------


class Opens:
    """Unpickled, it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.mkdir, (str(self.trace),)


def refused(source: Path, tmp_path: Path, message: str, **options: Any) -> None:
    with pytest.raises(InputError, match=message):
        import_recording(source, tmp_path / "out.h5", **options)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_what_must_be_unpickled_is_refused_and_not_run(tmp_path: Path, form: str) -> None:
    trace, path = tmp_path / "trace", tmp_path / "a.pt"
    if form == "torch":
        torch.save({"model": Opens(trace), "wte.weight": torch.zeros(3, 2)}, path)
    else:
        path.write_bytes(pickle.dumps({"wte.weight": Opens(trace)}))
    refused(path, tmp_path, "gasfield never does|cannot be read")
    assert not trace.exists()


def test_checkpoints_that_do_not_belong_together(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    torch.save({"wte.weight": torch.zeros(4, 3)}, folder / "step1.pt")
    torch.save({"wte.weight": torch.zeros(5, 3)}, folder / "step2.pt")
    refused(folder, tmp_path, r"step2.pt: wte.weight has the shape \(5, 3\); in .*step1.pt it is \(4, 3\)")
    torch.save({"wte.weight": torch.zeros(4, 3)}, folder / "step2.pt")
    torch.save({"wte.weight": torch.zeros(4, 3)}, folder / "again-step2.pt")
    refused(folder, tmp_path, "two checkpoints of step 2: again-step2.pt, step2.pt")
    (folder / "again-step2.pt").unlink()
    torch.save({"h.0.weight": torch.zeros(4, 3), "h.1.weight": torch.zeros(4, 3)}, folder / "step2.pt")
    refused(folder, tmp_path, "step2.pt: no tensor 'wte.weight'; the matrices here are h.0.weight 4 x 3")


def broken(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def test_trajectories_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    cases: list[tuple[dict[str, np.ndarray], str]] = [
        ({"W": np.zeros((3, 4))}, "W has the shape \\(3, 4\\); a trajectory has three axes"),
        ({"W": np.zeros((0, 4, 2))}, "there is nothing to import"),
        ({"W": np.zeros((3, 4, 2), np.int32)}, "int32 numbers"),
        ({"W": np.zeros((3, 4, 2)), "m": np.zeros((2, 4, 2))}, "m: its shape is .* it should be \\(3, 4, 2\\)"),
        ({"W": np.zeros((3, 4, 2)), "g": np.zeros((2, 4, 3))}, "g: its shape is .* it should be \\(2, 4, 2\\) or"),
        ({"W": np.zeros((3, 4, 2)), "loss": np.zeros((9,))}, "loss: its shape is \\(9,\\)"),
    ]
    for arrays, message in cases:
        np.savez(path, **arrays)
        refused(path, tmp_path, message)
    np.savez(path, W=np.zeros((30, 40, 20)))
    broken(path)
    refused(path, tmp_path, "cut short")
    np.savez(path, W=np.zeros((3, 4, 2)))
    for metadata, message in (
        ({"steps": [3, 2, 1]}, "steps must be ascending"),
        ({"step": [3, 3, 4]}, "steps must be ascending"),
    ):
        (tmp_path / "a.json").write_text(json.dumps(metadata))
        refused(path, tmp_path, message)


def test_other_faults(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", tmp_path, "no such file or folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", tmp_path, "the folder is empty")
    np.save(tmp_path / "m.npy", np.zeros((4, 3)))
    refused(tmp_path / "m.npy", tmp_path, "the rows are 0 to 3", rows={"a": "0:9"})
    refused(tmp_path / "m.npy", tmp_path, "row 1 is in another group", rows={"a": "0:2", "b": "1:3"})
    refused(tmp_path / "m.npy", tmp_path, "every 0", every=0)
    named = {"tokenizer": tmp_path / "vocab.json"}
    (tmp_path / "vocab.json").write_text("[]")
    refused(tmp_path / "m.npy", tmp_path, "not a tokenizer.json, vocab.json or vocab.txt", **named)
    (tmp_path / "vocab.json").write_text(json.dumps({f"w{i}": i for i in range(9)}))
    refused(tmp_path / "m.npy", tmp_path, "the tokenizer has 9 tokens, the matrix .* only 4 rows", **named)
    (tmp_path / "done.h5").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        import_recording(tmp_path / "m.npy", tmp_path / "done.h5")
    assert (tmp_path / "done.h5").read_text() == "mine"
