"""What people's folders look like, what their files say of themselves, and how little memory it all takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paths import RECORDINGS

import gasfield
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.importing import import_recording
from gasfield.trajectory import TrajectoryWriter

pytest.importorskip("torch", reason="checkpoints of torch.save need the extra `gasfield[record]`")
import torch
from safetensors.torch import save_file

FRAMES, ROWS, WIDTH = 3, 6, 5
Open = Callable[..., tuple[gasfield.Trajectory, tuple[str, ...]]]


@pytest.fixture
def bring(tmp_path: Path) -> Open:
    """bring(source, ...) -> the trajectory that it became, and the notes; nothing else is left behind."""

    def call(source: Path, **options: Any) -> tuple[gasfield.Trajectory, tuple[str, ...]]:
        notes = import_recording(source, tmp_path / "out.h5", overwrite=True, **options)
        assert not [path.name for path in tmp_path.iterdir() if ".part" in path.name]
        return gasfield.open(tmp_path / "out.h5"), notes

    return call


def values(seed: int = 0, dtype: str = "f4", shape: tuple[int, ...] = (FRAMES, ROWS, WIDTH)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def matrix(seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.from_numpy(values(seed, shape=(ROWS, WIDTH))).to(dtype)


def model(folder: Path, seed: int, name: str = "model.safetensors") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    state = {"transformer.wte.weight": matrix(seed), "transformer.ln.weight": torch.zeros(WIDTH)}
    (save_file if name.endswith("safetensors") else torch.save)(state, folder / name)
    return folder


# --- what a trajectory says of itself ---------------------------------------------------------------------------------


def test_metadata_cannot_change_what_the_file_says_of_itself(tmp_path: Path, bring: Open) -> None:
    np.savez(tmp_path / "a.npz", W=values().view(np.uint32).astype(np.uint16))
    theirs = {"precision": "bf16", "source": "simulation", "title": "mine", "learning_rate": 1e-3, "betas": [0.9, 0.95]}
    (tmp_path / "a.json").write_text(
        json.dumps(theirs | {"seed": 10**30, "flag": True, "none": None, "x": "a\0\ud800"})
    )
    back, _ = bring(tmp_path / "a.npz")
    said = back.attributes
    assert back.precision == "bfloat16"
    assert (said["source"], said["title"]) == ("import", "a.npz")
    assert (said["stated_precision"], said["stated_source"], said["stated_title"]) == ("bf16", "simulation", "mine")
    assert (said["learning_rate"], json.loads(said["betas"]), said["seed"]) == (1e-3, [0.9, 0.95], str(10**30))
    assert bool(said["flag"]) is True
    assert "none" not in said
    assert said["x"] == "a\N{SYMBOL FOR NULL}?"


def test_what_is_too_much_for_an_attribute_is_left_out_and_said(tmp_path: Path, bring: Open) -> None:
    np.savez(tmp_path / "a.npz", W=values())
    (tmp_path / "metadata.json").write_text(json.dumps({"live_ids": list(range(20_000)), "": 1, "note": "short"}))
    back, notes = bring(tmp_path / "a.npz")
    assert "live_ids" not in back.attributes
    assert back.attributes["note"] == "short"
    assert any("too large to be kept: live_ids, a value without a name" in note for note in notes)


def test_a_header_of_safetensors_holds_lists_as_text(tmp_path: Path, bring: Open) -> None:
    header = {
        "token_ids": "[5, 6, 7, 8, 9, 4]",
        "steps": "[0, 2, 4]",
        "learning_rate": "1e-3",
        "run": "12e3",
        "step": "7",
    }
    save_file({"W": torch.from_numpy(values())}, tmp_path / "a.safetensors", metadata=header)
    back, _ = bring(tmp_path / "a.safetensors")
    assert list(back.token_ids) == [5, 6, 7, 8, 9, 4]
    assert list(back.steps) == [0, 2, 4]
    assert (back.attributes["learning_rate"], back.attributes["run"], back.attributes["step"]) == (1e-3, "12e3", 7)


def test_a_json_that_belongs_to_something_else_is_left_alone(tmp_path: Path, bring: Open) -> None:
    """Beside a file it must have its name; the only one of a folder that was named as the source belongs to it."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    np.savez(folder / "a.npz", W=values())
    (folder / "run.json").write_text(json.dumps({"corpus": "theirs"}))
    assert "corpus" not in bring(folder / "a.npz")[0].attributes
    assert bring(folder)[0].attributes["corpus"] == "theirs"


@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_float64_moments_and_a_loss_for_each_update(tmp_path: Path, bring: Open, form: str) -> None:
    arrays = {
        "W": values(0, "f8"),
        "m": values(1, "f8"),
        "v": values(2),
        "g": values(3, "f2", (FRAMES - 1, ROWS, WIDTH)),
    }
    arrays["loss"] = np.array([3.5, 2.25])
    if form == "npz":
        np.savez(tmp_path / "a.npz", **arrays)
    else:
        save_file({name: torch.from_numpy(array) for name, array in arrays.items()}, tmp_path / "a.safetensors")
    back, _ = bring(tmp_path / f"a.{form}")
    assert back.precision == "float64"
    np.testing.assert_array_equal(back.positions(), arrays["W"])
    for key, name in (("m", "first_moment"), ("v", "second_moment"), ("g", "gradient")):
        series = back._content.series(f"particles/vectors/{name}", None, None)
        np.testing.assert_array_equal(series.values, arrays[key].astype(series.values.dtype))
        assert series.values.dtype == ("f8" if key == "m" else "f4")
        assert list(series.steps) == [0, 1, 2][: len(arrays[key])]
    loss = back.observable("loss")
    assert (list(loss.values), list(loss.steps)) == ([3.5, 2.25], [0, 1])


def test_each_second_frame_with_what_belongs_to_it(tmp_path: Path, bring: Open) -> None:
    arrays = {"W": values(0, shape=(5, ROWS, WIDTH)), "g": values(1, shape=(4, ROWS, WIDTH)), "loss": np.arange(5.0)}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    back, _ = bring(tmp_path / "a.npz", every=2)
    assert list(back.steps) == [0, 2, 4]
    np.testing.assert_array_equal(back.positions(), arrays["W"][::2])
    gradient = back._content.series("particles/vectors/gradient", None, None)
    assert list(gradient.steps) == [0, 2]
    np.testing.assert_array_equal(gradient.values, arrays["g"][::2])
    assert list(back.observable("loss").values) == [0, 2, 4]


def test_strings_of_tokens_from_a_vocabulary_and_from_a_tokenizer(tmp_path: Path, bring: Open) -> None:
    from tokenizers import Tokenizer, decoders, models

    np.savez(tmp_path / "a.npz", W=values())
    (tmp_path / "v.json").write_text(json.dumps({f"w{i}": i for i in range(ROWS)}))
    assert bring(tmp_path / "a.npz", tokenizer=tmp_path / "v.json")[0].tokens == [f"w{i}" for i in range(ROWS)]
    (tmp_path / "a.json").write_text(json.dumps({"tokens": list("abcdef")}))
    assert bring(tmp_path / "a.npz", tokenizer=tmp_path / "v.json")[0].tokens == list("abcdef")
    np.save(tmp_path / "m.npy", values(shape=(ROWS, WIDTH)))
    pieces = Tokenizer(models.BPE(vocab={"Ġthe": 0, "a": 1, "Ċ": 2, "b": 3}, merges=[]))
    pieces.decoder = decoders.ByteLevel()
    pieces.save(str(tmp_path / "tokenizer.json"))
    back, notes = bring(tmp_path / "m.npy")
    assert back.tokens == [" the", "a", "Ċ", "b", "<padding 4>", "<padding 5>"]
    assert list(back.token_ids[back.members("padding")]) == [4, 5]
    assert any("tokens by " in note for note in notes)
    assert back.attributes["tokenizer"] == "tokenizer.json"


# --- folders ----------------------------------------------------------------------------------------------------------


def test_the_same_weights_in_two_formats_are_one_model(tmp_path: Path, bring: Open) -> None:
    for step in (2, 10):
        model(tmp_path / "theirs" / f"step{step}", step)
        model(tmp_path / "theirs" / f"step{step}", step, "pytorch_model.bin")
    back, _ = bring(tmp_path / "theirs")
    assert list(back.steps) == [2, 10]
    np.testing.assert_array_equal(back.frame(1), matrix(10).numpy())
    assert list(bring(tmp_path / "theirs" / "step10")[0].steps) == [0]


def test_a_last_model_beside_its_checkpoints_is_left_out_and_said(tmp_path: Path, bring: Open) -> None:
    model(tmp_path / "theirs", 0)
    model(tmp_path / "theirs" / "onnx", 1)
    back, notes = bring(tmp_path / "theirs")
    assert list(back.steps) == [0]
    np.testing.assert_array_equal(back.frame(0), matrix(0).numpy())
    assert not any("left out" in note for note in notes)
    for step in (500, 1500):
        model(tmp_path / "theirs" / f"checkpoint-{step}", step)
    back, notes = bring(tmp_path / "theirs")
    assert list(back.steps) == [500, 1500]
    assert any("the model in the folder itself is left out" in note for note in notes)


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (["step100-epoch1", "step200-epoch1"], [100, 200]),
        (["epoch=3-step=40", "epoch=12-step=160"], [40, 160]),
        (["step1000-tokens4B", "step2000-tokens8B"], [1000, 2000]),
        (["epoch2", "epoch10"], [2, 10]),
        (["step_5K", "step_1M"], [5000, 1_000_000]),
        (["timestamp7", "timestamp10"], [0, 1]),
        (["1²3", "1²1"], [0, 1]),
    ],
)
def test_steps_from_names(tmp_path: Path, bring: Open, names: list[str], steps: list[int]) -> None:
    for seed, name in enumerate(names):
        model(tmp_path / "theirs" / name, seed)
    back, notes = bring(tmp_path / "theirs")
    assert list(back.steps) == steps
    assert any("no step in the names" in note for note in notes) == (steps == [0, 1])


def test_shards_of_torch_save_by_their_index(tmp_path: Path, bring: Open) -> None:
    folder = tmp_path / "theirs" / "step4"
    folder.mkdir(parents=True)
    shards = [f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    torch.save({"model.embed_tokens.weight": matrix(1)}, folder / shards[0])
    torch.save({"lm_head.weight": matrix(2)}, folder / shards[1])
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(
        json.dumps({"weight_map": dict(zip(("model.embed_tokens.weight", "lm_head.weight"), shards, strict=True))})
    )
    for source in (folder.parent, folder, index):
        back, notes = bring(source)
        np.testing.assert_array_equal(back.frame(0), matrix(1).numpy())
        assert "taken: model.embed_tokens.weight" in notes
        assert "the file also holds lm_head.weight; select one by its name" in notes
        np.testing.assert_array_equal(bring(source, tensor="lm_head.weight")[0].frame(0), matrix(2).numpy())
    (folder / shards[1]).unlink()
    np.testing.assert_array_equal(bring(folder)[0].frame(0), matrix(1).numpy())
    with pytest.raises(InputError, match=f"{shards[1]}: this shard is missing"):
        bring(folder, tensor="lm_head.weight")


def test_numbers_that_are_kept_as_others_are_said(tmp_path: Path, bring: Open) -> None:
    (tmp_path / "theirs").mkdir()
    save_file({"wte.weight": matrix(1, torch.float16)}, tmp_path / "theirs" / "step1.safetensors")
    torch.save({"wte.weight": matrix(2, torch.bfloat16)}, tmp_path / "theirs" / "step2.pt")
    back, notes = bring(tmp_path / "theirs")
    assert back.precision == "float32"
    assert any("float16 numbers are kept as float32" in note for note in notes)
    assert any("of bfloat16, float32; kept as float32" in note for note in notes)
    assert not any("kept as" in note for note in gasfield.audit(tmp_path / "theirs").notes)  # an audit keeps nothing
    np.testing.assert_array_equal(back.frame(0), matrix(1, torch.float16).float().numpy())
    np.testing.assert_array_equal(back.frame(1), matrix(2, torch.bfloat16).float().numpy())
    np.save(tmp_path / "m.npy", np.ones((ROWS, WIDTH), np.uint16))
    assert any("taken as the bits" in note for note in bring(tmp_path / "m.npy")[1])
    assert not any("taken as the bits" in note for note in bring(tmp_path / "m.npy", bits="bfloat16")[1])


@pytest.mark.parametrize("saved", ["a parameter", "by columns", "before PyTorch 1.6"])
def test_tensors_as_people_save_them(tmp_path: Path, bring: Open, saved: str) -> None:
    wanted = matrix(3)
    kept = {"a parameter": torch.nn.Parameter(wanted), "by columns": wanted.T.contiguous().T}.get(saved, wanted)
    torch.save({"wte.weight": kept}, tmp_path / "a.pt", _use_new_zipfile_serialization=saved != "before PyTorch 1.6")
    np.testing.assert_array_equal(bring(tmp_path / "a.pt")[0].frame(0), wanted.numpy())


@pytest.mark.parametrize(
    ("last", "padding"),
    [([[0.0] * WIDTH], [5]), ([[1.0] * WIDTH] * 2, [4, 5]), ([[1.0] * WIDTH], []), ([[1.0] * WIDTH] * ROWS, [])],
)
def test_rows_that_nothing_ever_moved(tmp_path: Path, bring: Open, last: list[list[float]], padding: list[int]) -> None:
    """A last row that is zero, or two that are the same; not one that is something, and not if all are the same."""
    rows = values(shape=(ROWS, WIDTH))
    rows[ROWS - len(last) :] = last
    np.save(tmp_path / "m.npy", rows)
    back, _ = bring(tmp_path / "m.npy")
    assert back.names == (["rows", "padding"] if padding else ["rows"])
    assert [row for row, token in zip(back.token_ids, back.tokens, strict=True) if token] == padding
    np.testing.assert_array_equal(back.frame(0), rows)


# --- trajectories of gasfield -----------------------------------------------------------------------------------------


def test_a_recording_is_copied_whole(bring: Open) -> None:
    with gasfield.open(RECORDINGS / "kjv-bf16.h5") as theirs:
        back, notes = bring(theirs.path)
        assert f"{len(theirs)} frames, steps 0 to 500, copied whole" in notes
        assert (back.names, back.tokens) == (theirs.names, theirs.tokens)
        np.testing.assert_array_equal(back.positions(), theirs.positions())
        np.testing.assert_array_equal(back.species, theirs.species)
        for name, pairs in theirs.bonds.items():
            np.testing.assert_array_equal(back.bonds[name], pairs)
        assert back.observables == theirs.observables
        for name in theirs.observables:
            np.testing.assert_array_equal(back.observable(name).values, theirs.observable(name).values)
        np.testing.assert_array_equal(back.survey().values, theirs.survey().values)
        np.testing.assert_array_equal(back.affine_field().hessian, theirs.affine_field().hessian)
        assert back.fields == theirs.fields
        assert back.attributes.keys() == theirs.attributes.keys()


@pytest.mark.parametrize(("frames", "flushed", "least"), [(7, [7], 7), (103, [50, 103], 103), (100, [50], 50)])
def test_what_a_killed_writer_left_is_finished(
    tmp_path: Path, bring: Open, frames: int, flushed: list[int], least: int
) -> None:
    """Frames whose chunk is not full lie in a place of their own, some in chunks may not be counted yet."""
    rows = values(shape=(frames, ROWS, WIDTH))
    gas = Gas(rows[0], np.zeros(ROWS, np.int64), ["rows"], np.arange(ROWS), [""] * ROWS)
    writer = TrajectoryWriter(tmp_path / "killed.h5", gas, precision="float32", provenance={})
    for step, frame in enumerate(rows):
        writer.frame(step, step, frame)
        writer.observe("loss", step, step, 9.0 - step)
        if step + 1 in flushed:
            writer.flush()
    writer.abandon()
    before = (tmp_path / "killed.h5").read_bytes()
    back, _ = bring(tmp_path / "killed.h5")
    assert least <= len(back) <= frames
    np.testing.assert_array_equal(back.positions(), rows[: len(back)])
    loss = back.observable("loss")
    np.testing.assert_array_equal(loss.values, 9.0 - loss.steps)
    assert len(loss.steps) >= least
    assert "unfinished" not in back._file
    assert (tmp_path / "killed.h5").read_bytes() == before


def test_a_trajectory_is_copied_as_it_is_or_not_at_all(tmp_path: Path, bring: Open) -> None:
    whole = RECORDINGS / "kjv-bf16.h5"
    with pytest.raises(InputError, match="copied whole; these options do not apply"):
        bring(whole, every=2)
    (tmp_path / "other.h5").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match=r"other\.h5: not readable as HDF5"):
        bring(tmp_path / "other.h5")
    assert not list(tmp_path.glob("out*"))


# --- memory -----------------------------------------------------------------------------------------------------------

MEASURED = """
import resource, sys
from gasfield.importing import import_recording, importing
if sys.argv[1].endswith(".pt"):
    import torch
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
heard = []
import_recording(sys.argv[1], sys.argv[2], progress=lambda done, total: heard.append(peak()))
print(heard[-1] - heard[1])
"""


@pytest.mark.parametrize("form", ["checkpoints", pytest.param("trajectory", marks=pytest.mark.validate)])
def test_whole_vocabularies_are_written_as_they_are_read(tmp_path: Path, form: str) -> None:
    """Six matrices of 64 MB, every row kept: the peak of memory does not grow by another one."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    rows = values(shape=(8_000, 1_000))
    if form == "checkpoints":
        for step in range(6):
            save_file({"wte.weight": torch.from_numpy(rows)}, folder / f"step{step}.safetensors")
    else:
        save_file({"W": torch.from_numpy(np.broadcast_to(rows, (6, *rows.shape)).copy())}, folder / "a.safetensors")
    command = [sys.executable, "-c", MEASURED, str(folder), str(tmp_path / "out.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < rows.nbytes / 1e6


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["a.pt", "old.pt", "s.safetensors", "z.npz", "n.npy", "h.h5"])
def test_damaged_files_end_in_one_line(tmp_path: Path, form: str) -> None:
    """Bytes are changed at random: what cannot be read says so, whatever a library stumbles over."""
    path, target = tmp_path / form, tmp_path / "out.h5"
    if form.endswith("pt"):
        torch.save({"wte.weight": matrix(0), "x": torch.zeros(2)}, path, _use_new_zipfile_serialization=form == "a.pt")
    elif form == "s.safetensors":
        save_file({"wte.weight": matrix(0)}, path)
    elif form == "z.npz":
        np.savez_compressed(path, W=values(), loss=np.zeros(FRAMES))
    else:
        np.save(tmp_path / "n.npy", values(shape=(ROWS, WIDTH)))
        if form == "h.h5":
            import_recording(tmp_path / "n.npy", path)
    whole, chance = path.read_bytes(), np.random.default_rng(1)
    refused = []
    for attempt in range(60):
        damaged = bytearray(whole[: chance.integers(len(whole)) if attempt % 5 == 0 else len(whole)])
        for place in chance.integers(min(len(damaged), 2000), size=2) if damaged else ():
            damaged[place] = chance.integers(256)
        path.write_bytes(damaged)
        try:
            import_recording(path, target, overwrite=True)
        except InputError as fault:
            refused.append(str(fault))
        assert not list(tmp_path.glob("*.part"))
    assert len(refused) >= 10
    assert not [message for message in refused if "\n" in message]


def test_a_state_dict_that_holds_itself(tmp_path: Path, bring: Open) -> None:
    state: dict[str, object] = {"wte.weight": matrix(0)}
    state["model"] = state
    torch.save(state, tmp_path / "a.pt")
    np.testing.assert_array_equal(bring(tmp_path / "a.pt")[0].frame(0), matrix(0).numpy())


def test_other_faults(tmp_path: Path, bring: Open) -> None:
    np.savez(tmp_path / "a.npz", W=values())
    for options, message in (
        ({"bits": "bfloat16"}, r"is for uint16 numbers; these are float32 \(.*a.npz: W\)"),
        ({"bits": "float16"}, "bits float16: bfloat16 is the only choice"),
        ({"tokenizer": tmp_path / "none.json"}, "tokenizer .*none.json: no such file"),
        ({"rows": {"rest": "0:2"}, "rest": True}, "rows rest=0:2: the group of the other rows has that name"),
    ):
        with pytest.raises(InputError, match=message) as fault:
            bring(tmp_path / "a.npz", **options)
        assert fault.value.parameter in options
    np.savez(tmp_path / "b.npz", W=values()[0])
    with pytest.raises(InputError, match="To import it as a matrix, name the tensor, W"):
        bring(tmp_path / "b.npz")
    np.testing.assert_array_equal(bring(tmp_path / "b.npz", tensor="W")[0].frame(0), values()[0])
    with pytest.raises(InputError, match="is the source itself"):
        import_recording(tmp_path / "out.h5", tmp_path / "out.h5", overwrite=True)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "notes.md").write_text("none")
    with pytest.raises(InputError, match="weights: no weights in this folder"):
        bring(tmp_path / "weights")
