"""`gasfield inspect`: its JSON, its terminal output, and its errors."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from embeddings import EMBEDDING, bfloat16_rows, write_planted, write_safetensors
from paths import RECORDINGS

Refuses = Callable[..., str]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small model with an embedding of 30 x 4 and other tensors."""
    words = bfloat16_rows(np.random.default_rng(0), 30, 4)
    tensors = {
        EMBEDDING: ("BF16", words),
        "norm.weight": ("BF16", words[0]),
        "ids": ("I64", np.arange(8).reshape(4, 2)),
        "layer.weight": ("BF16", words[:6]),
    }
    return write_safetensors(tmp_path / "model.safetensors", tensors)


def test_json_holds_everything_and_the_terminal_says_what_it_cut(gasfield, tmp_path: Path) -> None:
    groups = write_planted(tmp_path / "a.safetensors", 3000, 16, (60, 5, *([2] * 20)))
    done = gasfield("inspect", "a.safetensors", "--json", "--plots", "pictures")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["identical"]["members"]["value"] == groups
    assert (data["rows"]["value"], data["dimensions"]["value"], data["precision"]) == (3000, 16, "bfloat16")
    assert {"value", "unit", "error"} == set(data["participation_ratio"]) == set(data["cosine"]["centred"])
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"norms.png", "plane.png"}
    shown = gasfield("inspect", "a.safetensors").stdout
    assert f"a.safetensors {EMBEDDING}: 3000 x 16, bfloat16" in shown
    assert "identical.rows = 105 rows" in shown
    assert "identical.groups = [60, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, ... 10 more] rows" in shown
    assert "--json prints all" in shown
    assert shown.count("\n") < 60


def test_rows_against_the_rest_and_a_frame_of_a_trajectory(gasfield, tmp_path: Path, model: Path) -> None:
    (tmp_path / "ids.txt").write_text("1\n2\n3\n")
    for rows in ("ids.txt", "1:4"):
        data = json.loads(gasfield("inspect", model.name, "--rows", rows, "--json").stdout)
        assert data["given"]["rows"]["value"] == 3
        assert set(data["separation"]) == {"norm", "distance", "cosine", "nearest"}
    recording = RECORDINGS / "kjv-fp32.h5"
    data = json.loads(gasfield("inspect", recording, "--step", 100, "--rows", "dead", "--json").stdout)
    assert (data["tensor"], data["precision"]) == ("step 100", "float32")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["lost.safetensors"], "lost.safetensors: no such file"),
        (["model.safetensors", "--tensor", "embed"], f"no tensor 'embed'; the matrices here are {EMBEDDING} 30 x 4, "),
        (["model.safetensors", "--tensor", "norm.weight"], "norm.weight: an embedding has two axes"),
        (["model.safetensors", "--tensor", "ids"], "ids: int64 numbers are not supported (bfloat16, float16, float32 and float64 are): integers"),
        (["model.safetensors", "--cells", "-1"], "--cells -1: must be from 0"),
        (["model.safetensors", "--step", "3"], "--step 3: selects a frame of a trajectory; model.safet"),
        (["model.safetensors", "--bits", "bfloat16"], "--bits bfloat16: is for uint16 numbers; these are bfloat16 ("),
        (["model.safetensors", "--bits", "bf16"], "--bits bf16: bfloat16 is the only choice"),
        (["model.safetensors", "--rows", "0:31"], "--rows 0:31: the rows are 0 to 29"),
        (["model.safetensors", "--rows", "-3:5"], "--rows -3:5: the rows are 0 to 29"),
        (["model.safetensors", "--rows", "5:5"], "this range is empty"),
        (["model.safetensors", "--rows", ":"], "all rows are given"),
        (["model.safetensors", "--rows", "lost.txt"], "--rows lost.txt: no such file; give a file of row ids"),
        (["model.safetensors", "--rows", "empty.txt"], "empty.txt: contains no row ids"),
        (["model.safetensors", "--rows", "beyond.txt"], "beyond.txt:2: there is no row 30; the rows are 0 to 29"),
        (["model.safetensors", "--rows", "words.txt"], "words.txt:1: not a row id; ids are integers from 0"),
        (["model.safetensors", "--rows", "model.safetensors"], "--rows: model.safetensors: line 1: not UTF-8 text"),
        (["short.safetensors"], "short.safetensors: not safetensors, or cut short"),
        (["cut.safetensors"], "cut.safetensors: cut short: "),
        (["liar.safetensors"], "do not hold 30 x 4 of bfloat16"),
        (["broken.safetensors"], "broken.safetensors: its safetensors header is damaged"),
        (["nameless.safetensors"], "none of its tensors has a common name of embeddings; choose one: the"),
        (["pickled.pt"], "pickled.pt: this is a pickle; opening it would run any code"),
        (["pickled"], "pickled: this is a pickle"),
        (["torch.bin"], "torch.bin: this is a pickle"),
        (["folder"], "pytorch_model.bin: this is a pickle"),
        (["objects.npy"], "objects.npy: an array of objects; this is a pickle"),
        (["objects.npz"], "objects.npz: a.npy: an array of objects; this is a pickle"),
        (["line.npy"], "line.npy: an embedding has two axes, rows and dimensions; this has 1"),
        (["words.npy"], "float32 and float64 are); if they are the bits of bfloat16 numbers, set bits to bfloat16"),
        (["none.npy"], "its shape is (0, 3): it is empty"),
        (["nan.npy"], "every row contains a NaN"),
        (["cut.npy"], "cut.npy: cannot be read; is it cut short?"),
        (["frames.npz"], "it has no tensor with two axes"),
        (["words.txt"], "words.txt: unknown format"),
        (["index.json"], "index.json: not an index of safetensors"),
        ([RECORDINGS / "kjv-bf16.h5", "--step", "501"], "no frame at step 501"),
        ([RECORDINGS / "kjv-bf16.h5", "--tensor", "x"], "kjv-bf16.h5 is a trajectory, which has no tensor"),
        ([RECORDINGS / "kjv-bf16.h5", "--rows", "alive"], "or a group: lattice, dead, live"),
    ],
)  # fmt: skip
def test_what_cannot_be_inspected_is_said(
    refuses: Refuses, tmp_path: Path, model: Path, words: list[object], says: str
) -> None:
    spoil(tmp_path, model.read_bytes())
    message = refuses("inspect", *words)
    assert says in message
    assert len(message.strip().splitlines()) == 1


def spoil(folder: Path, model: bytes) -> None:
    """Files with one fault each."""
    texts = {"empty.txt": "# none\n", "beyond.txt": "1 2\n30\n", "words.txt": "king river\n", "index.json": "[1]"}
    for name, text in texts.items():
        (folder / name).write_text(text)
    header = int.from_bytes(model[:8], "little")
    (folder / "short.safetensors").write_bytes(model[: header // 2])
    (folder / "cut.safetensors").write_bytes(model[:-5])
    (folder / "liar.safetensors").write_bytes(model.replace(b"[0, 240]", b"[0, 238]"))
    (folder / "broken.safetensors").write_bytes(model[:8] + b"?" * header + model[8 + header :])
    write_safetensors(folder / "nameless.safetensors", {"a": ("F32", np.ones((3, 2))), "b": ("F32", np.ones((2, 2)))})
    (folder / "folder").mkdir()
    for name in ("pickled.pt", "pickled", "folder/pytorch_model.bin"):
        (folder / name).write_bytes(pickle.dumps({"weight": Bomb()}))
    with zipfile.ZipFile(folder / "torch.bin", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    objects = np.array([Bomb(), Bomb()], object)
    np.save(folder / "objects.npy", objects, allow_pickle=True)
    np.savez(folder / "objects.npz", a=objects)
    np.save(folder / "line.npy", np.ones(5))
    np.save(folder / "words.npy", np.ones((5, 2), np.uint16))
    np.save(folder / "none.npy", np.ones((0, 3)))
    np.save(folder / "nan.npy", np.full((2, 3), np.nan))
    np.savez(folder / "frames.npz", frames=np.zeros((2, 3, 4)), steps=np.arange(3))
    (folder / "cut.npy").write_bytes((folder / "nan.npy").read_bytes()[:-8])


class Bomb:
    """Fails the test if it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("something was unpickled",)
