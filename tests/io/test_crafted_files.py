"""Files of tensors from strangers: each is read as the library of its format reads it, or refused in one line; none
takes memory beyond what its file holds, or seconds."""

from __future__ import annotations

import importlib.util
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crafted_files import VALUES, Case, gguf_headers, numpy_files, safetensors_headers, texts, torch_pickles
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

if importlib.util.find_spec("torch") is not None:
    import torch  # noqa: F401 (not while a case is timed)

from gasfield.embedding import open_matrix
from gasfield.errors import InputError
from gasfield.importing.importing import open_source
from gasfield.importing.vocabulary import read_vocabulary
from gasfield.tensors import encode_safetensors, metadata_of, tensors_of

MOST_BYTES, MOST_SECONDS = 64_000_000, 5.0
"""Allocated, and taken, for one crafted file; they are smaller than 300 kB."""


def written(case: Case, folder: Path) -> Path:
    """The source of a case, in a folder of its own."""
    folder.mkdir()
    files = {case.source: case.content} if isinstance(case.content, bytes) else case.content
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / case.source if case.source else folder


def arrays_of(path: Path) -> dict[str, tuple[str, NDArray[Any]]]:
    """Number type and bits of all tensors, loaded and in pieces."""
    found = {}
    for tensor in tensors_of(path):
        words = np.asarray(tensor.load())
        if tensor.stream is not None and len(words) < 1000 and "columns" not in path.parent.name:
            for piece, word in zip(tensor.pieces(), words, strict=True):
                np.testing.assert_array_equal(piece, word)
        found[tensor.name] = (tensor.numbers, words)
    return found


def outcome(read: Callable[[], Any]) -> Any:
    """What a reader returns, or the message with which it refuses; within bounds of memory and time."""
    tracemalloc.reset_peak()
    before, start = tracemalloc.get_traced_memory()[0], time.perf_counter()
    try:
        found = read()
    except InputError as fault:
        found = str(fault)
        assert "\n" not in found
        assert len(found) < 1000
    assert time.perf_counter() - start < MOST_SECONDS
    assert tracemalloc.get_traced_memory()[1] - before < MOST_BYTES
    return found


@pytest.fixture(autouse=True)
def _traced() -> Iterable[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def judged(case: Case, found: Mapping[str, tuple[str, NDArray[Any]]] | str) -> str:
    """What is wrong with an outcome; empty if nothing is."""
    if isinstance(found, str):
        if case.expected is not None:
            return f"{case.name}: refused: {found}"
        return "" if case.message in found else f"{case.name}: says {found}"
    if case.expected is None or found.keys() != case.expected.keys():
        return f"{case.name}: read: {list(found)}"
    for name, wanted in case.expected.items():
        array = np.asarray(wanted)
        words = found[name][1]
        if words.shape != array.shape or words.tobytes() != array.tobytes():
            return f"{case.name}: {name} has other values"
    return ""


@pytest.mark.parametrize("cases", [numpy_files.cases, torch_pickles.cases, gguf_headers.cases, texts.cases])
def test_each_is_read_right_or_refused(tmp_path: Path, cases: Callable[[], Iterable[Case]]) -> None:
    wrong = []
    for number, case in enumerate(cases()):
        if "blocks" in case.name and importlib.util.find_spec("gguf") is None:
            continue
        named = "columns" if "columns" in case.name else "case"
        path = written(case, tmp_path / f"{number}-{named}")
        wrong.append(judged(case, outcome(lambda path=path: arrays_of(path))))
    assert len(wrong) > 40
    assert "\n".join(filter(None, wrong)) == ""


def test_the_reference_library_is_the_law_of_safetensors(tmp_path: Path) -> None:
    wrong, path = [], tmp_path / "a.safetensors"
    for number, (name, content) in enumerate(safetensors_headers.cases()):
        path.write_bytes(content)
        try:
            accepted: Any = dict(deserialize(content))
        except SafetensorError:
            accepted = None
        found = outcome(lambda: ([(each.name, each.shape) for each in tensors_of(path)], metadata_of(path)))
        said = not isinstance(found, str)
        if said != (accepted is not None):
            wrong.append(f"{number} {name}: {found}, the library: {accepted}")
        elif said:
            shapes = {each: tuple(entry["shape"]) for each, entry in accepted.items()}
            wrong += [] if dict(found[0]) == shapes else [f"{name}: {found[0]}, the library: {shapes}"]
    assert "\n".join(wrong) == ""


def test_vocabularies(tmp_path: Path) -> None:
    wrong = []
    for name, text, expected in texts.vocabularies():
        (tmp_path / name).write_bytes(text.encode("utf-8"))
        found = outcome(lambda name=name: read_vocabulary(tmp_path / name))
        if (None if isinstance(found, str) else found) != expected:
            wrong.append((text[:60], found))
    assert wrong == []


def test_quantised_values_are_those_of_gguf(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    values = np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)
    packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
    entry = gguf_headers.tensor(b"token_embd.weight", (64, 3), 8)
    (tmp_path / "a.gguf").write_bytes(gguf_headers.gguf([entry], data=packed.tobytes()))
    [tensor] = tensors_of(tmp_path / "a.gguf")
    assert (tensor.shape, tensor.numbers) == ((3, 64), "float32")
    assert "quantised (Q8_0)" in tensor.notes[0]
    wanted = gguf.quants.dequantize(packed, gguf.GGMLQuantizationType.Q8_0)
    np.testing.assert_array_equal(tensor.load().view(np.float32), wanted)
    np.testing.assert_allclose(wanted, values, atol=0.02)


def test_nothing_of_a_pickle_is_run_and_no_package_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: pytest.fail(f"{name} was looked for"))
    (tmp_path / "a.pt").write_bytes(
        torch_pickles.saved(torch_pickles.table((torch_pickles.word("W"), torch_pickles.tensor())))
    )
    [tensor] = tensors_of(tmp_path / "a.pt")
    np.testing.assert_array_equal(tensor.load().view(np.float32), VALUES)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("I8", "int8 numbers are not supported .*: integers of 8 bits, as in a quantised model"),
        ("U8", "uint8 numbers are not supported .*need the scales of the quantisation"),
        ("F8_E4M3", "F8_E4M3 numbers are not supported .*: floating-point numbers of fewer than 16 bits"),
        ("BOOL", "bool numbers are not supported .*: true or false"),
        ("I64", "int64 numbers are not supported .*: integers"),
    ],
)
def test_numbers_that_no_embedding_has_are_named(tmp_path: Path, kind: str, what: str) -> None:
    width = 8 if kind == "I64" else 1
    header = f'{{"W":{{"dtype":"{kind}","shape":[2,2],"data_offsets":[0,{4 * width}]}}}}'
    (tmp_path / "a.safetensors").write_bytes(safetensors_headers.file(header, bytes(4 * width)))
    for read in (open_matrix, lambda path: open_source(path, tensor="W")):
        with pytest.raises(InputError, match=what):
            read(tmp_path / "a.safetensors")


def test_bfloat16_of_jax(tmp_path: Path) -> None:
    """NumPy has no name for it, so that it is saved as values of two bytes."""
    bits = (VALUES.view(np.uint32) >> 16).astype(np.uint16)
    np.save(tmp_path / "a.npy", bits.view("V2"))
    matrix = open_matrix(tmp_path / "a.npy")
    assert matrix.precision == "bfloat16"
    np.testing.assert_array_equal(matrix.values(slice(None)), VALUES)
    for notes in (matrix.notes, open_source(tmp_path / "a.npy").notes):
        assert any("(V2) are taken as bfloat16, which JAX saves in this way" in note for note in notes)


def test_names_in_several_files_of_a_folder_are_ambiguous_only_if_wanted(tmp_path: Path) -> None:
    for name, more in (("a", "embed_tokens.weight"), ("b", "lm_head.weight")):
        tensors = {"layer.weight": ("F32", VALUES), more: ("F32", VALUES)}
        (tmp_path / f"{name}.safetensors").write_bytes(encode_safetensors(tensors))
    assert open_matrix(tmp_path).tensor == "embed_tokens.weight"
    with pytest.raises(InputError, match=r"a\.safetensors, b\.safetensors all hold layer\.weight"):
        open_matrix(tmp_path, tensor="layer.weight")


def test_the_same_name_in_two_wrappers_is_said(tmp_path: Path) -> None:
    tensors = {f"{wrapper}.wte.weight": ("F32", VALUES) for wrapper in ("model_state", "state_dict")}
    (tmp_path / "a.safetensors").write_bytes(encode_safetensors(tensors))
    matrix = open_matrix(tmp_path / "a.safetensors")
    assert matrix.tensor == "model_state.wte.weight"
    assert matrix.notes == ("the file also holds state_dict.wte.weight; select one by its name",)


# --- mutations --------------------------------------------------------------------------------------------------------


def mutated(content: bytes, chance: np.random.Generator) -> bytes:
    """A file with a few bytes changed, left out, repeated or added; more often in its first part, where headers are."""
    data = bytearray(content)
    for _ in range(chance.integers(1, 4)):
        limit = len(data) if chance.random() < 0.5 else min(len(data), 200)
        at, length = int(chance.integers(0, max(limit, 1))), int(chance.integers(1, 9))
        match chance.integers(0, 5):
            case 0:
                data[at : at + 1] = bytes([chance.integers(0, 256)])
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at : at + length] = chance.choice([b"\0", b"\xff", b"9", b"\x7f"]) * length
            case _:
                data[at:] = b"" if chance.random() < 0.3 else data[at:]
    return bytes(data)


def library(path: Path) -> dict[str, NDArray[Any]] | None:
    """What the library of the format reads; None if it reads nothing."""
    try:
        if path.suffix == ".safetensors":
            entries = dict(deserialize(path.read_bytes()))
            return {name: np.frombuffer(entry["data"], np.uint8) for name, entry in entries.items()}
        if path.suffix == ".pt":
            torch = pytest.importorskip("torch")
            return {name: tensor.numpy() for name, tensor in torch.load(path, weights_only=True).items()}
        loaded = np.load(path, allow_pickle=False)
        return {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except Exception:  # as many types as there are libraries
        return None


@pytest.mark.validate
def test_pytorch_reads_the_crafted_checkpoint_in_chunks(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    for name, content in torch_pickles.in_chunks().items():
        (tmp_path / name).write_bytes(content)
    dcp_to_torch_save(tmp_path, tmp_path / "whole.pt")
    np.testing.assert_array_equal(torch.load(tmp_path / "whole.pt", weights_only=True)["W"].numpy(), VALUES)
    assert arrays_of(tmp_path)["W"][1].tobytes() == VALUES.tobytes()


@pytest.mark.validate
def test_mutated_metadata_of_a_distributed_checkpoint(tmp_path: Path) -> None:
    chance, sound, read = np.random.default_rng(17), torch_pickles.in_chunks(), 0
    for _ in range(600):
        for name, content in sound.items():
            (tmp_path / name).write_bytes(mutated(content, chance) if name == ".metadata" else content)
        read += not isinstance(outcome(lambda: arrays_of(tmp_path)), str)
    assert 0 < read < 600


@pytest.mark.validate
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.pt", "a.safetensors", "a.gguf"])
def test_mutated_files_are_read_as_their_library_reads_them(tmp_path: Path, name: str) -> None:
    sound = {
        "a.npy": numpy_files.npy(),
        "a.npz": numpy_files.archive(("W.npy", numpy_files.npy()), pack=8),
        "a.pt": torch_pickles.saved(torch_pickles.table((torch_pickles.word("W"), torch_pickles.tensor()))),
        "a.safetensors": encode_safetensors({"W": ("F32", VALUES)}, {"format": "pt"}),
        "a.gguf": gguf_headers.gguf(),
    }[name]
    chance, path, read = np.random.default_rng(17), tmp_path / name, 0
    path.write_bytes(sound)
    assert name == "a.gguf" or library(path) is not None
    for number in range(600):
        path.write_bytes(mutated(sound, chance))
        found = outcome(lambda: arrays_of(path))
        if isinstance(found, str):
            continue
        read += 1
        if name == "a.gguf":  # its library trusts every size: only that it is read or refused is looked at
            continue
        theirs = library(path)
        if theirs is None:
            assert name in ("a.pt", "a.npz"), f"{number}: the library refuses what is read: {list(found)}"
            continue
        assert {each: words.tobytes() for each, (_, words) in found.items()} == {
            each: array.tobytes() for each, array in theirs.items()
        }, number
    assert 0 < read < 600
