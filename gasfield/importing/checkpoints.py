"""A folder of checkpoints, in the order of their steps; and one model, or one matrix."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.importing.source import LATTICES, Source, check_numbers, numbers_of, widest
from gasfield.importing.state_dicts import is_state_dict, state_dict_tensors
from gasfield.importing.vocabulary import find_tokenizer, padding_of, read_vocabulary
from gasfield.tensors import Tensor, choose_embedding, tensors_of

_WEIGHTS = (".safetensors", ".npy", ".npz", ".pt", ".pth", ".bin", ".ckpt")
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.(safetensors|bin)$")
_STEP = re.compile(
    r"(?:global[_-]?step|step|checkpoint|ckpt|iteration|iter|epoch|update)s?[_=-]?(\d+)(k|m)?(?![a-z\d])", re.I
)
_NOT_WEIGHTS = ("optimizer", "scheduler", "rng_state", "training_args", "scaler", "random_states")


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints of a folder: folders with a model, or files; empty if the folder is one model itself."""
    if _is_model(folder):
        return []
    inner = [entry for entry in folder.iterdir() if entry.is_dir() and _is_model(entry)]
    return inner or _weight_files(folder)


def read_checkpoints(paths: list[Path], folder: Path, tensor: str | None, tokenizer: Path | None) -> Source:
    """Matrices of one shape, ascending in step; each is mapped when its turn comes.

    Raises:
        InputError: if one has none, shapes differ, or two have the same step.
    """
    steps, order_notes = _ordered(paths)
    paths = [path for _, path in sorted(zip(steps, paths, strict=True), key=lambda pair: pair[0])]
    chosen, notes = _embedding(paths[0], tensor)
    lattices = [_checked(chosen, paths[0])]
    shape = chosen.shape
    for path in paths[1:]:
        other, _ = _embedding(path, tensor or chosen.name)
        lattices.append(_checked(other, path))
        if other.shape != shape:
            raise InputError(
                f"{path}: {other.name} has the shape {other.shape}; in {paths[0].name} it is {shape}. Checkpoints of "
                "one training have one shape."
            )
    assert shape is not None
    lattice = widest(lattices)
    if len(set(lattices)) > 1:
        notes += (f"the checkpoints are of {', '.join(sorted(set(lattices)))}; kept as {lattice}",)
    name = tensor or chosen.name

    def frames() -> Iterator[NDArray[Any]]:
        for path in paths:
            matrix, _ = _embedding(path, name)
            yield numbers_of(matrix.load(), matrix.numbers)

    tokenizer = tokenizer or find_tokenizer(folder, paths[0], paths[-1])
    tokens = read_vocabulary(tokenizer) if tokenizer else {}
    last, _ = _embedding(paths[-1], name)
    padding, padding_note = padding_of(last, tokens, shape[0])
    return Source(
        origin=str(folder),
        shape=(shape[0], shape[1]),
        lattice=lattice,
        steps=np.array(sorted(steps), np.int64),
        frames=frames,
        tokens=tokens,
        padding=padding,
        provenance={"tensor": chosen.name, "checkpoints": len(paths)},
        notes=(*order_notes, f"taken: {chosen.name}", *notes, *padding_note),
    )


def read_matrix(path: Path, tensor: str | None, tokenizer: Path | None) -> Source:
    """One matrix, as a single frame at step 0.

    Raises:
        InputError: if there is none.
    """
    source = read_checkpoints([path], path if path.is_dir() else path.parent, tensor, tokenizer)
    return Source(**{**source.__dict__, "origin": str(path), "steps": np.zeros(1, np.int64)})


# --- one checkpoint ---------------------------------------------------------------------------------------------------


def _embedding(path: Path, name: str | None) -> tuple[Tensor, tuple[str, ...]]:
    return choose_embedding(_tensors(path), name, path)


def _tensors(path: Path) -> list[Tensor]:
    if path.is_dir():
        if any(path.glob("*.safetensors")) or any(path.glob("*.safetensors.index.json")):
            return tensors_of(path)
        files = _weight_files(path, shards=True)
        return [tensor for file in files for tensor in _tensors(file)]
    return state_dict_tensors(path) if is_state_dict(path) else tensors_of(path)


def _checked(tensor: Tensor, path: Path) -> str:
    """Its lattice, if it is a matrix of numbers."""
    where = f"{path}: {tensor.name}" if tensor.name else str(path)
    if tensor.shape is None:
        tensor.load()  # a shard that is missing says so
    if len(tensor.shape or ()) != 2 or not all(tensor.shape or (0,)):
        raise InputError(f"{where}: its shape is {tensor.shape}; an embedding has two axes, rows and dimensions.")
    check_numbers(tensor.numbers, where)
    return LATTICES[tensor.numbers]


def _is_model(folder: Path) -> bool:
    """Whether a folder is one model: it has an index, shards, or one file of weights."""
    names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    if any(name.endswith(".index.json") or _SHARD.search(name) for name in names):
        return True
    return len(_weight_files(folder)) == 1


def _weight_files(folder: Path, shards: bool = False) -> list[Path]:
    files = [
        entry
        for entry in sorted(folder.iterdir())
        if entry.is_file()
        and entry.suffix in _WEIGHTS
        and (shards or not _SHARD.search(entry.name))
        and not entry.name.startswith(_NOT_WEIGHTS)
    ]
    return files


def _ordered(paths: list[Path]) -> tuple[list[int], tuple[str, ...]]:
    """The step of each, by its name or by what its trainer wrote; their natural order if that is not known of all."""
    steps = [_step(path) for path in paths]
    if None not in steps:
        known = [step for step in steps if step is not None]
        for step in known:
            if known.count(step) > 1:
                names = ", ".join(path.name for path, other in zip(paths, known, strict=True) if other == step)
                raise InputError(f"{paths[0].parent}: two checkpoints of step {step}: {names}.")
        return known, ()
    natural = sorted(paths, key=lambda path: [int(part) if part.isdigit() else part for part in _parts(path.name)])
    note = f"no step in the names of all {len(paths)}; taken in their order, {natural[0].name} to {natural[-1].name}"
    return [natural.index(path) for path in paths], (note,) if len(paths) > 1 else ()


def _parts(name: str) -> list[str]:
    return re.split(r"(\d+)", name)


def _step(path: Path) -> int | None:
    state = path / "trainer_state.json"
    if path.is_dir() and state.is_file():
        try:
            return int(json.loads(state.read_text(encoding="utf-8"))["global_step"])
        except (ValueError, KeyError, TypeError, OSError):
            raise InputError(f"{state}: no state of a trainer: `global_step` is wanted.") from None
    found = _STEP.findall(path.stem if path.is_file() else path.name)
    if not found:
        return None
    number, unit = found[-1]
    return int(number) * {"": 1, "k": 1000, "m": 1_000_000}[unit.lower()]
