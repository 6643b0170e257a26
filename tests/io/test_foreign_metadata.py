"""JSON of others is no reason to refuse, and rows get no ids that nobody stated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gasfield
from gasfield.errors import InputError
from gasfield.importing import import_recording
from gasfield.tensors import encode_safetensors

FRAMES, ROWS, WIDTH = 3, 4, 2
FRAMES_OF = np.arange(FRAMES * ROWS * WIDTH, dtype=np.float32).reshape(FRAMES, ROWS, WIDTH)


def brought_in(folder: Path, metadata: Any = None, **options: Any) -> tuple[gasfield.Trajectory, str]:
    """The import of `a.npz`, with a metadata.json beside it, and its notes."""
    if metadata is not None:
        (folder / "metadata.json").write_text(metadata if isinstance(metadata, str) else json.dumps(metadata))
    notes = import_recording(folder / "a.npz", folder / "out.h5", overwrite=True, **options)
    return gasfield.open(folder / "out.h5"), " | ".join(notes)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    np.savez(tmp_path / "a.npz", W=FRAMES_OF)
    return tmp_path


@pytest.mark.parametrize(
    ("metadata", "note"),
    [
        ({"steps": 500}, "does not fit: steps (not a list of whole numbers from 0)"),
        ({"steps": [1, 2]}, "steps (2 entries, not 3)"),
        ({"steps": "many"}, "steps (not a list"),
        ({"steps": [0, 1, 2.5]}, "steps (not a list"),
        ({"steps": [0, 1, 2**63]}, "steps (not a list"),
        ({"steps": [True, 1, 2]}, "steps (not a list"),
        ({"token_ids": [1]}, "token_ids (1 entries, not 4)"),
        ({"token_ids": ["a"] * 4}, "token_ids (not a list"),
        ({"token_ids": [7, 7, 8, 9]}, "token_ids (an id occurs twice)"),
        ({"tokens": ["a"]}, "tokens (not a list of 4 strings, one a row)"),
        ({"dead_ids": [1, 99]}, "dead_ids (there is no row 99; the rows are 0 to 3)"),
        ({"dead_ids": {"a": 1}}, "dead_ids (not a list"),
        ({"dead_ids": [3], "token_ids": [4, 5, 6, 7]}, "dead_ids (none of them is a row)"),
        ("[]", "ignored, since it is not a JSON object"),
        ("{", "ignored, since it is not a JSON object"),
        ("[" * 9000, "ignored, since it is not a JSON object"),
        ('{"x": ' + '{"x": ' * 9000 + "1" + "}" * 9001, "ignored, since it is not a JSON object"),
        ("\x00", "ignored, since it is not a JSON object"),
    ],
)
def test_what_does_not_fit_is_kept_as_stated_and_said(theirs: Path, metadata: Any, note: str) -> None:
    back, notes = brought_in(theirs, metadata)
    assert note in notes
    assert notes.count("metadata.json") == 1
    assert list(back.steps) == [0, 1, 2]
    assert back.names == ["rows"]
    np.testing.assert_array_equal(back.positions(), FRAMES_OF)
    if isinstance(metadata, dict) and "steps" in metadata:
        kept = back.attributes["steps"]
        assert kept == metadata["steps"] or json.loads(kept) == metadata["steps"]


def test_metadata_are_ignored_on_request(theirs: Path) -> None:
    stated = {"steps": [3, 2, 1], "token_ids": [7, 8, 9, 10], "corpus": "theirs"}
    with pytest.raises(InputError, match="steps must be ascending") as refused:
        brought_in(theirs, stated)
    assert refused.value.parameter == "ignore_metadata"
    back, notes = brought_in(theirs, stated, ignore_metadata=True)
    assert list(back.steps) == [0, 1, 2]
    assert list(back.token_ids) == [-1] * ROWS
    assert "corpus" not in back.attributes
    assert "metadata.json" not in notes


def test_names_that_gasfield_gives_a_meaning_are_stated_ones(theirs: Path) -> None:
    stated = {"files": "no JSON", "scenario": "a: [", "degrees_of_freedom": "many", "plugins": "evil", "id": 3}
    back, _ = brought_in(theirs, stated)
    assert {back.attributes[f"stated_{name}"] for name in stated} == set(stated.values())


# --- ids --------------------------------------------------------------------------------------------------------------


def test_ids_that_nobody_stated_are_unknown(theirs: Path) -> None:
    back, notes = brought_in(theirs)
    assert list(back.token_ids) == [-1] * ROWS
    assert "the token ids of the rows are unknown, and stored as -1" in notes


@pytest.mark.parametrize(
    ("stated", "ids", "groups"),
    [
        ({"dead_indices": [907, 12, 5000, 33]}, [907, 12, 5000, 33], ["dead"]),
        ({"dead_ids": [907, 12, 5000, 33], "x_ids": [1, 2]}, [907, 12, 5000, 33], ["dead"]),
        ({"row_indices": [9, 8, 7, 6]}, [9, 8, 7, 6], ["rows"]),
        ({"token_ids": [9, 8, 7, 6], "dead_indices": [1, 2, 3, 4]}, [9, 8, 7, 6], ["rows"]),
        ({"token_ids": [9, 8, 7, 6], "dead_ids": [8, 7]}, [8, 7, 9, 6], ["dead", "rest"]),
        ({"dead_ids": [1, 2]}, [1, 2, 0, 3], ["dead", "rest"]),
        ({"cluster_ids": [0, 1, 2, 3]}, [-1] * 4, ["rows"]),
        ({"word_ids": [4, 4, 5, 6]}, [-1] * 4, ["rows"]),
        ({"row_ids": [9, 8, 7, 6], "word_ids": [1, 2, 3, 4]}, [-1] * 4, ["rows"]),
        ({"row_ids": [9, 8, 7, 6], "word_ids": [9, 8, 7, 6]}, [9, 8, 7, 6], ["rows"]),
        ({"token_ids": [1, 2], "row_ids": [9, 8, 7, 6]}, [-1] * 4, ["rows"]),
    ],
)
def test_ids_by_the_names_that_people_give_them(
    theirs: Path, stated: dict[str, list[int]], ids: list[int], groups: list[str]
) -> None:
    back, _ = brought_in(theirs, stated)
    assert (back.token_ids.tolist(), back.names) == (ids, groups)


@pytest.mark.parametrize("form", ["npz", "safetensors", "header"])
def test_ids_wherever_they_are_stated(tmp_path: Path, form: str) -> None:
    ids, path = [907, 12, 5000, 33], tmp_path / ("a.npz" if form == "npz" else "a.safetensors")
    if form == "npz":
        np.savez(path, W=FRAMES_OF, dead_indices=np.array(ids, np.uint16))
    elif form == "header":
        path.write_bytes(encode_safetensors({"W": ("F32", FRAMES_OF)}, {"dead_indices": json.dumps(ids)}))
    else:
        safetensors = pytest.importorskip("safetensors.numpy")
        safetensors.save_file({"W": FRAMES_OF, "dead_indices": np.array(ids)}, path)
    import_recording(path, tmp_path / "out.h5")
    with gasfield.open(tmp_path / "out.h5") as back:
        assert (back.token_ids.tolist(), back.names) == (ids, ["dead"])
        np.testing.assert_array_equal(back.positions(), FRAMES_OF)


@pytest.mark.parametrize("form", ["npz", "safetensors", "pt"])
def test_ids_beside_the_matrices_of_checkpoints(tmp_path: Path, form: str) -> None:
    """Checkpoints of four rows of a vocabulary, which say which; a vocabulary of all names them."""
    (tmp_path / "vocab.json").write_text(json.dumps({f"w{number}": number for number in range(20)}))
    save_steps(tmp_path, form, [7, 12, 3, 5], [7, 12, 3, 5])
    import_recording(tmp_path, tmp_path / "out.h5")
    with gasfield.open(tmp_path / "out.h5") as back:
        assert (back.token_ids.tolist(), back.names) == ([7, 12, 3, 5], ["rows"])
        assert back.tokens == ["w7", "w12", "w3", "w5"]
        np.testing.assert_array_equal(back.positions(), FRAMES_OF[:2])
    save_steps(tmp_path, form, [7, 12, 3, 5], [7, 12, 5, 3])
    with pytest.raises(InputError, match=r"step2.*: its rows have other token ids than those of .*step1"):
        import_recording(tmp_path, tmp_path / "out.h5", overwrite=True)


def save_steps(folder: Path, form: str, *ids: list[int]) -> None:
    for step, (of_step, matrix) in enumerate(zip(ids, FRAMES_OF, strict=False), 1):
        arrays, path = {"embedding": matrix, "row_ids": np.array(of_step)}, folder / f"step{step}.{form}"
        if form == "npz":
            np.savez(path, embedding=matrix, row_ids=np.array(of_step))
        elif form == "safetensors":
            pytest.importorskip("safetensors.numpy").save_file(arrays, path)
        else:
            torch = pytest.importorskip("torch")
            torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, path)


@pytest.mark.parametrize("name", ["a.npz", "run", "model.bin", "step5.ckpt"])
def test_a_trajectory_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "made.npz", W=FRAMES_OF, token_ids=np.arange(ROWS))
    (tmp_path / "made.npz").rename(tmp_path / name)
    import_recording(tmp_path / name, tmp_path / "out.h5")
    with gasfield.open(tmp_path / "out.h5") as back:
        np.testing.assert_array_equal(back.positions(), FRAMES_OF)
    (tmp_path / name).write_bytes(encode_safetensors({"W": ("F32", FRAMES_OF)}, {"ids": "[9, 8, 7, 6]"}))
    import_recording(tmp_path / name, tmp_path / "out.h5", overwrite=True)
    with gasfield.open(tmp_path / "out.h5") as back:
        assert back.token_ids.tolist() == [9, 8, 7, 6]


def test_arrays_that_are_not_taken_are_listed(theirs: Path) -> None:
    """As found in the field: four rows of a vocabulary of ten thousand, with their ids and the results of others."""
    arrays = {"dead_indices": np.array([907, 12, 5000, 33]), "steps": np.array([0, 10, 30], np.uint16)}
    others = {"h_mean": np.zeros((FRAMES, WIDTH)), "last_motion_step": np.zeros(ROWS, np.int64), "n": np.int32(4)}
    np.savez(theirs / "a.npz", W=FRAMES_OF, loss=np.arange(3.0), **arrays, **others)
    back, notes = brought_in(theirs)
    assert list(back.steps) == [0, 10, 30]
    assert list(back.token_ids) == [907, 12, 5000, 33]
    assert "not taken: h_mean (3 x 2), last_motion_step (4), n (a number)" in notes


def test_strings_of_rows_without_ids(theirs: Path) -> None:
    back, _ = brought_in(theirs, {"tokens": ["a", "b", "c", "d"]})
    assert (back.tokens, list(back.token_ids)) == (["a", "b", "c", "d"], [-1] * ROWS)


def test_a_tokenizer_larger_than_the_rows_names_none_of_them(theirs: Path) -> None:
    (theirs / "vocab.json").write_text(json.dumps({f"w{number}": number for number in range(9)}))
    back, notes = brought_in(theirs, tokenizer=theirs / "vocab.json")
    assert (back.tokens, list(back.token_ids)) == ([""] * ROWS, [-1] * ROWS)
    assert "are unknown" in notes
    back, _ = brought_in(theirs, {"token_ids": [8, 0, 1, 2]}, tokenizer=theirs / "vocab.json")
    assert back.tokens == ["w8", "w0", "w1", "w2"]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("[]", "ignored: "),
        ("{", "ignored: "),
        (
            json.dumps({f"w{number}": number for number in range(9)}),
            "the tokenizer has 9 tokens, the matrix only 4 rows",
        ),
    ],
)
def test_a_vocabulary_beside_a_matrix_that_is_not_its_own(tmp_path: Path, text: str, note: str) -> None:
    np.save(tmp_path / "m.npy", FRAMES_OF[0])
    (tmp_path / "vocab.json").write_text(text)
    notes = import_recording(tmp_path / "m.npy", tmp_path / "out.h5")
    assert any(note in each for each in notes)
    with gasfield.open(tmp_path / "out.h5") as back:
        assert back.tokens == [""] * ROWS
    with pytest.raises(InputError):
        import_recording(tmp_path / "m.npy", tmp_path / "b.h5", tokenizer=tmp_path / "vocab.json")


@pytest.mark.parametrize("options", [{"stage": "1"}, {"filter": "x*"}, {"order": "natural"}])
def test_options_of_series_are_refused_where_there_is_none(theirs: Path, options: dict[str, str]) -> None:
    np.save(theirs / "m.npy", FRAMES_OF[0])
    for source in ("a.npz", "m.npy"):
        with pytest.raises(InputError, match="is for folders of checkpoints") as refused:
            import_recording(theirs / source, theirs / "out.h5", **options)
        assert refused.value.parameter in options
