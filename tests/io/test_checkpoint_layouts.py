"""One small series in each layout comes in equal to the bit; and broken in every way, it ends in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gasfield
from gasfield.errors import InputError
from gasfield.importing import import_recording

pytest.importorskip("torch", reason="checkpoints of torch.save need the extra `gasfield[record]`")
from checkpoint_layouts import LAYOUTS, ROWS, WIDTH, Layout, branch, cached, safetensors

STEPS = (2, 10, 1000)


def matrices() -> dict[int, NDArray[np.float32]]:
    chance = np.random.default_rng(0)
    return {step: chance.standard_normal((ROWS, WIDTH)).astype(np.float32) for step in STEPS}


def made(name: str, folder: Path) -> Layout:
    """The series in that layout, in a folder of its own."""
    found = LAYOUTS[name]
    pytest.importorskip(found.needs)
    folder.mkdir()
    found.make(folder, matrices())
    return found


def brought_in(source: Path, target: Path, **options: Any) -> tuple[list[int], NDArray[Any], list[int], str]:
    """Steps, positions and token ids of an import, and its notes as one text."""
    notes = import_recording(source, target, overwrite=True, **options)
    with gasfield.open(target) as back:
        return [int(step) for step in back.steps], back.positions(), back.token_ids.tolist(), " | ".join(notes)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_series_in_each_layout(tmp_path: Path, name: str) -> None:
    layout = made(name, tmp_path / "theirs")
    steps, positions, ids, notes = brought_in(tmp_path / "theirs", tmp_path / "out.h5", **layout.options)
    assert steps == list(STEPS)
    assert ids == list(range(ROWS))
    np.testing.assert_array_equal(positions, np.stack(list(matrices().values())))
    assert ("order by the " in notes) == ("trajectory" not in name)


# --- broken -----------------------------------------------------------------------------------------------------------


def largest(folder: Path, series: str) -> Path:
    """A file with weights of the series: the largest, of these the last by its path."""
    parts = [file for part in folder.glob(series) for file in (part, *part.rglob("*"))]
    files = [file.resolve() for file in parts if file.is_file() and file.suffix != ".json"]
    return max(files, key=lambda file: (file.stat().st_size, str(file)))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 134217728\n"
DAMAGES = {
    "cut short": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "a pointer of Git LFS": lambda data: POINTER,
    "a page of HTML": lambda data: b"<!doctype html><html><title>404</title></html>",
    "zeros": lambda data: b"\0" * len(data),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_series_broken(tmp_path: Path, name: str) -> None:
    """Each damage of a file is refused in one line, which names it; JSON of others beside it changes nothing."""
    layout, theirs, target = made(name, tmp_path / "theirs"), tmp_path / "theirs", tmp_path / "out.h5"
    file = largest(theirs, layout.series)
    sound = file.read_bytes()
    for damage, of in DAMAGES.items():
        file.write_bytes(of(sound))
        with pytest.raises(InputError) as refused:
            brought_in(theirs, target, **layout.options)
        message = str(refused.value)
        assert "\n" not in message, damage
        assert len(message) < 1000, damage
        assert str(theirs) in message, damage
        assert ("git lfs pull" in message) == (damage == "a pointer of Git LFS"), damage
        assert not list(tmp_path.glob("out*")), damage
    file.write_bytes(sound)
    if "trajectory" not in name:
        for text, other in (('{"steps": 500}', "metadata.json"), ("[" * 5000, "notes.json"), ("\0", "summary.json")):
            (theirs / other).write_text(text)
        steps, positions, _, _ = brought_in(theirs, target, **layout.options)
        assert steps == list(STEPS)
        np.testing.assert_array_equal(positions, np.stack(list(matrices().values())))


@pytest.mark.parametrize("name", [name for name in LAYOUTS if "trajectory" not in name])
def test_the_same_series_with_hashes_for_names(tmp_path: Path, name: str) -> None:
    """It has no order any more, and is refused by the option that gives one; unless a trainer's state has the steps."""
    layout, theirs = made(name, tmp_path / "theirs"), tmp_path / "theirs"
    folder = {"the cache of the hub": theirs / "models--org--name" / "refs", "numbers for names": theirs / "run"}
    parts = [part for part in sorted(folder.get(name, theirs).glob(layout.series)) if part.suffix != ".txt"]
    for number, part in enumerate(parts):
        part.rename(part.with_name(f"{number:040x}{part.suffix if part.is_file() else ''}"))
    if name == "Trainer":
        assert brought_in(theirs, tmp_path / "out.h5")[0] == list(STEPS)
    else:
        refused(
            theirs,
            "hashes, which have no order|the names state no order|no such stage",
            "order",
            "stage",
            **layout.options,
        )


def refused(folder: Path, message: str, *parameters: str | None, **options: Any) -> None:
    with pytest.raises(InputError, match=message) as fault:
        brought_in(folder, folder.parent / "out.h5", **options)
    assert fault.value.parameter in (parameters or (None,))
    assert not list(folder.parent.glob("out*"))


def test_a_cache_without_branches_has_no_order(tmp_path: Path) -> None:
    for number in range(3):
        cached(tmp_path / "models--a--b", f"{number:040x}", matrices()[2])
    refused(tmp_path / "models--a--b", "the names are hashes, which have no order", "order")
    refused(tmp_path / "models--a--b" / "snapshots", "the names are hashes", "order")
    listed = tmp_path / "order.txt"
    listed.write_text(f"{2:040x} 10\n{0:040x} 20\n")
    found = brought_in(tmp_path / "models--a--b", tmp_path / "out.h5", order=listed)
    assert found[0] == [10, 20]


def test_branches_of_a_cache(tmp_path: Path) -> None:
    """At its top, at the folder of its snapshots, and one above; main and pull requests are left out, and said."""
    cache, some = tmp_path / "hub" / "models--a--b", matrices()
    for name, number, matrix in (("step512", 2, 10), ("step2", 0, 2), ("main", 1, 1000), ("refs/pr/1", 3, 2)):
        branch(cache, name, f"{number:040x}")
        cached(cache, f"{number:040x}", some[matrix])
    branch(cache, "step1000", "f" * 40)
    for source in (cache, cache / "snapshots", cache.parent):
        steps, positions, _, notes = brought_in(source, tmp_path / "out.h5")
        assert steps == [2, 512]
        np.testing.assert_array_equal(positions, np.stack([some[2], some[10]]))
        assert "left out, since their names state no step: main, refs/pr/1" in notes
        assert "no weights of step1000 in this cache" in notes
        assert "order by the step in their names: step2 (2), step512 (512)" in notes
    assert brought_in(cache, tmp_path / "out.h5", filter="main")[0] == [0]


def test_the_order_is_stored(tmp_path: Path) -> None:
    made("folders of safetensors", tmp_path / "theirs")
    import_recording(tmp_path / "theirs", tmp_path / "out.h5")
    with gasfield.open(tmp_path / "out.h5") as back:
        assert back.attributes["order"] == "step in their names"
        assert json.loads(back.attributes["checkpoint_names"]) == ["step2", "step10", "step1000"]


def test_parts_of_a_model_are_not_taken_for_it(tmp_path: Path) -> None:
    for layout, part in (("DeepSpeed", "mp_rank_00_model_states.pt"), ("Megatron", "mp_rank_00")):
        made(layout, tmp_path / layout)
        whole = next((tmp_path / layout).rglob(part))
        whole.with_name(part.replace("00", "01")).symlink_to(whole)
        refused(tmp_path / layout, "is divided among 2 processes")


def test_folders_that_hold_more_than_one_series(tmp_path: Path) -> None:
    for run in ("a", "b"):
        for step in (1, 2):
            safetensors(tmp_path / "runs" / run / f"step{step}", matrices()[2])
    refused(tmp_path / "runs", "several series of checkpoints, in a, b; import one of these folders")
    safetensors(tmp_path / "both" / "step1" / "hf", matrices()[2])
    safetensors(tmp_path / "both" / "step1" / "model", matrices()[2])
    refused(tmp_path / "both", "several models in this folder, hf, model")


def test_what_is_beside_the_checkpoints_is_said(tmp_path: Path) -> None:
    made("folders of safetensors", tmp_path / "theirs")
    (tmp_path / "theirs" / "step4").mkdir()
    np.save(tmp_path / "theirs" / "unigrams.npy", np.zeros(3))
    np.save(tmp_path / "theirs" / "bigrams.npy", np.zeros(3))
    steps, _, _, notes = brought_in(tmp_path / "theirs", tmp_path / "out.h5")
    assert steps == list(STEPS)
    assert "no weights in step4" in notes
    assert "files beside the folders are left out: bigrams.npy, unigrams.npy" in notes


@pytest.mark.parametrize(
    ("first", "then", "tied", "message"),
    [
        ("wte.weight", "lm_head.weight", None, "no tensor 'wte.weight', but lm_head.weight. If the model ties them"),
        ("wte.weight", "lm_head.weight", False, 'config.json must say "tie_word_embeddings": true'),
        ("wte.weight", "lm_head.weight", True, ""),
        ("lm_head.weight", "transformer.wte.weight", True, ""),
        ("model.embed_tokens.weight", "embed_tokens.weight", None, ""),
        ("model.embed_tokens.weight", "model._fsdp_wrapped_module.embed_tokens.weight", None, ""),
        ("wte.weight", "transformer.wpe.weight", True, "no tensor 'wte.weight'; the matrices here are transformer.wpe"),
    ],
)
def test_the_same_matrix_under_another_name(
    tmp_path: Path, first: str, then: str, tied: bool | None, message: str
) -> None:
    for step, name in ((2, first), (10, then)):
        safetensors(tmp_path / "theirs" / f"step{step}", matrices()[step], name)
        config = {} if tied is None else {"tie_word_embeddings": tied}
        (tmp_path / "theirs" / f"step{step}" / "config.json").write_text(json.dumps(config))
    if message:
        refused(tmp_path / "theirs", message, "tensor")
    else:
        _, positions, _, notes = brought_in(tmp_path / "theirs", tmp_path / "out.h5")
        np.testing.assert_array_equal(positions, np.stack([matrices()[2], matrices()[10]]))
        assert f"{first} is called {then} in 1 checkpoints, first in step10" in notes


# --- the libraries themselves -----------------------------------------------------------------------------------------


@pytest.mark.validate
def test_the_cache_is_one_to_the_hub_itself(tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    made("the cache of the hub", tmp_path / "theirs")
    [repository] = hub.scan_cache_dir(tmp_path / "theirs").repos
    assert repository.refs.keys() == {"main", "step2", "step10", "step1000"}


@pytest.mark.validate
def test_what_the_trainer_of_transformers_leaves(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=1))
    data = [{"input_ids": [1, 2, 3, 4], "labels": [1, 2, 3, 4]}] * 24
    settings = transformers.TrainingArguments(
        output_dir=str(tmp_path / "theirs"), save_steps=2, max_steps=6, per_device_train_batch_size=4,
        report_to=[], use_cpu=True, disable_tqdm=True, learning_rate=0.1,
    )  # fmt: skip
    trainer = transformers.Trainer(model=model, args=settings, train_dataset=data)
    trainer.train()
    trainer.save_model()
    trainer.save_state()
    steps, positions, _, notes = brought_in(tmp_path / "theirs", tmp_path / "out.h5")
    assert steps == [2, 4, 6]
    np.testing.assert_array_equal(positions[-1], model.transformer.wte.weight.detach().numpy())
    assert "the model in the folder itself is left out" in notes
