"""Files of logits: every format gives the same numbers, and what is no law of tokens is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from embeddings import write_safetensors
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.kernels.bfloat16 import bits, round_to_bfloat16
from gasfield.language.logits import LogitsFile, open_logits
from gasfield.tensors import encode_safetensors

LOGITS = np.array(round_to_bfloat16(np.random.default_rng(0).normal(0, 3, (2, 7)).astype(np.float32)))


def test_every_format_and_precision_gives_the_same_logits(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", LOGITS)
    np.savez(tmp_path / "a.npz", first=LOGITS[0].astype(np.float64), second=LOGITS[1].astype(np.float16))
    np.save(tmp_path / "columns.npy", np.asfortranarray(LOGITS.astype(">f8")))
    write_safetensors(tmp_path / "a.safetensors", {"x": ("BF16", bits(LOGITS)[:1]), "y": ("F32", LOGITS[1])})
    names = {
        "a.npy": ("0", "1"),
        "a.npz": ("first", "second"),
        "columns.npy": ("0", "1"),
        "a.safetensors": ("x[0]", "y"),
    }
    for name, positions in names.items():
        found = open_logits(tmp_path / name)
        assert found.names == positions
        assert found.logits.dtype == np.float64
        assert found.vocabulary == 7
        exact = LOGITS.astype(np.float16) if name == "a.npz" else LOGITS
        np.testing.assert_allclose(found.logits, LOGITS, rtol=1e-3 if name == "a.npz" else 0)
        np.testing.assert_array_equal(found.logits[1], exact[1])
        assert found.token(3) == "<3>"
    np.save(tmp_path / "b.npy", LOGITS[0])
    assert open_logits(tmp_path / "b.npy").names == ("b",)


def test_token_strings_come_with_the_logits(tmp_path: Path) -> None:
    words = [f"word {i}" for i in range(7)]
    np.savez(tmp_path / "a.npz", here=LOGITS, tokens=np.array(words))
    found = open_logits(tmp_path / "a.npz")
    assert (found.names, found.token(6)) == (("here[0]", "here[1]"), "word 6")
    data = encode_safetensors({"here": ("F32", LOGITS)}, {"tokens": json.dumps(words)})
    (tmp_path / "a.safetensors").write_bytes(data)
    assert open_logits(tmp_path / "a.safetensors").tokens == tuple(words)
    np.savez(tmp_path / "b.npz", here=LOGITS, tokens=np.array(words[:5]))
    with pytest.raises(InputError, match="tokens names 5 tokens, the logits have 7"):
        open_logits(tmp_path / "b.npz")
    (tmp_path / "b.safetensors").write_bytes(encode_safetensors({"here": ("F32", LOGITS)}, {"tokens": "words"}))
    with pytest.raises(InputError, match="not a JSON list"):
        open_logits(tmp_path / "b.safetensors")


def test_forbidden_tokens_are_minus_infinity(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([0.0, -np.inf, 1.0]))
    assert open_logits(tmp_path / "a.npy").logits.tolist() == [[0.0, -np.inf, 1.0]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([1.0, np.nan, np.nan]), "2 of 3 logits are NaN or \\+inf, first that of token 1"),
        (np.array([1.0, 2.0, np.inf]), "1 of 3 logits are NaN or \\+inf, first that of token 2"),
        (np.array([[0.0, 1.0], [-np.inf, -np.inf]]), "1: all 2 logits are -inf, so that no token is possible"),
        (np.zeros((2, 2, 2)), r"shape \(V,\) or \(P, V\), not \(2, 2, 2\).*weights of a model"),
        (np.zeros(()), r"shape \(V,\) or \(P, V\), not \(\)"),
        (np.zeros((0, 5)), r"not \(0, 5\)"),
        (np.arange(5), "int64 values are no logits"),
        (np.zeros(5, complex), "complex128 values are no logits"),
        (np.array(["a", "b"]), "<U1 values are no logits"),
        (np.array([{}, 1], object), "an array of objects; this is a pickle"),
    ],
)
def test_what_is_no_law_of_tokens_is_refused(tmp_path: Path, values: NDArray, message: str) -> None:
    np.save(tmp_path / "a.npy", values, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        open_logits(tmp_path / "a.npy")


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", LOGITS)
    (tmp_path / "short.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-5])
    np.savez(tmp_path / "uneven.npz", a=np.zeros(3), b=np.zeros(4))
    np.savez(tmp_path / "words.npz", tokens=np.array(["a"]))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(LOGITS))
    (tmp_path / "a.txt").write_text("1 2 3")
    for name, message in {
        "short.npy": "cut short",
        "uneven.npz": "same number of tokens: a has 3, b has 4",
        "words.npz": "no logits in this file",
        "a.pkl": "this is a pickle",
        "a.txt": "unknown format",
        "none.npy": "no such file",
    }.items():
        with pytest.raises(InputError, match=message):
            open_logits(tmp_path / name)


def test_logits_in_memory_are_checked_too() -> None:
    with pytest.raises(InputError, match="1 names for 2 positions"):
        LogitsFile("memory", ("a",), np.zeros((2, 3)))
    with pytest.raises(InputError, match="NaN"):
        LogitsFile("memory", ("a",), np.array([[np.nan, 1.0]]))
