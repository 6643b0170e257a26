"""A trajectory in one file: W with the axes (frame, row, coordinate), and what may come with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.importing.source import LATTICES, Companion, Source, check_numbers, numbers_of
from gasfield.tensors import Tensor, tensors_of
from gasfield.tensors.files import metadata_of

WEIGHTS = "W"
_COMPANIONS = {"m": "first_moment", "v": "second_moment", "g": "gradient", "loss": "loss"}
_LISTS = ("token_ids", "ids", "dead_ids", "tokens", "steps")


def trajectory_file(path: Path, tensor: str | None) -> tuple[Path, list[Tensor]] | None:
    """The file and its tensors, if there is a W with three axes (or `tensor` names such a one) in it."""
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if file.suffix in (".npz", ".safetensors")]
        if len(files) != 1:
            return None
        path = files[0]
    elif path.suffix not in (".npz", ".safetensors", ".npy"):
        return None
    tensors = tensors_of(path)
    named = {each.name: each for each in tensors}
    chosen = named.get(tensor or WEIGHTS) or (tensors[0] if len(tensors) == 1 else None)
    if chosen is None or len(chosen.shape or ()) != 3:
        if WEIGHTS in named and tensor is None:
            raise InputError(
                f"{path}: W has the shape {named[WEIGHTS].shape}; a trajectory has three axes: frame, row, coordinate."
            )
        return None
    return path, tensors


def read_trajectory(path: Path, tensors: list[Tensor], tensor: str | None) -> Source:
    """Takes it apart; nothing is loaded yet.

    Raises:
        InputError: if shapes do not fit together, or the metadata are not what they should be.
    """
    named = {each.name: each for each in tensors}
    weights = named.get(tensor or WEIGHTS) or tensors[0]
    where = f"{path}: {weights.name}" if weights.name else str(path)
    check_numbers(weights.numbers, where)
    frames, rows, dimensions = weights.shape  # type: ignore[misc]
    if not (frames and rows and dimensions):
        raise InputError(f"{where}: its shape is {weights.shape}; there is nothing to import.")
    metadata = _metadata(path)
    notes = []
    if weights.numbers == "uint16":
        notes.append(f"{where}: uint16 numbers are taken for the bits of bfloat16 ones")
    if weights.numbers == "float16":
        notes.append(f"{where}: float16 numbers are kept as float32")

    def numbers() -> Iterator[NDArray[Any]]:
        for piece in weights.pieces():
            yield numbers_of(piece, weights.numbers)

    return Source(
        origin=str(path),
        shape=(rows, dimensions),
        lattice=LATTICES[weights.numbers],
        steps=_steps(metadata, frames, path),
        frames=numbers,
        companions={
            _COMPANIONS[name]: _companion(path, named[name], frames, (rows, dimensions))
            for name in _COMPANIONS
            if name in named and named[name] is not weights
        },
        token_ids=_ids(metadata, ("token_ids", "ids"), rows, path),
        tokens=_tokens(metadata, rows, path),
        dead=_ids(metadata, ("dead_ids",), None, path),
        provenance=_scalars(metadata),
        notes=tuple(notes),
    )


def _companion(path: Path, tensor: Tensor, frames: int, matrix: tuple[int, int]) -> Companion:
    """m and v go with every frame, g with every update; the loss with either."""
    where = f"{path}: {tensor.name}"
    shape = tensor.shape or ()
    inner = () if tensor.name == "loss" else matrix
    lengths = {"m": (frames,), "v": (frames,), "g": (frames - 1, frames), "loss": (frames - 1, frames)}[tensor.name]
    if shape[1:] != inner or shape[0] not in lengths:
        wanted = " or ".join(str((length, *inner)) for length in lengths)
        raise InputError(f"{where}: its shape is {shape}; beside W {(frames, *matrix)} it should be {wanted}.")
    check_numbers(tensor.numbers, where)
    return Companion(inner, tensor.numbers, tensor.pieces, shape[0])


# --- metadata ---------------------------------------------------------------------------------------------------------


def _metadata(path: Path) -> dict[str, Any]:
    """What the file says of itself, and the JSON beside it."""
    found: dict[str, Any] = dict(metadata_of(path)) if path.suffix == ".safetensors" else {}
    beside = [path.with_suffix(".json"), path.with_name("metadata.json")]
    others = [file for file in sorted(path.parent.glob("*.json")) if not file.name.endswith(".index.json")]
    if len(others) == 1:
        beside.append(others[0])
    for file in beside:
        if file.is_file():
            return found | _json(file)
    return found


def _json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise InputError(f"{file}: no JSON ({fault}).") from None
    if not isinstance(data, dict):
        raise InputError(f"{file}: a JSON object of names and values is wanted.")
    return data


def _steps(metadata: Mapping[str, Any], frames: int, path: Path) -> NDArray[np.int64]:
    steps = _ids(metadata, ("steps",), frames, path)
    if steps is None:
        return np.arange(frames)
    if np.any(np.diff(steps) <= 0):
        raise InputError(f"{path}: metadata: steps must ascend.")
    return steps


def _ids(
    metadata: Mapping[str, Any], names: tuple[str, ...], count: int | None, path: Path
) -> NDArray[np.int64] | None:
    for name in names:
        if name in metadata:
            values = metadata[name]
            if not isinstance(values, list) or not all(type(each) is int and each >= 0 for each in values):
                raise InputError(f"{path}: metadata: {name} should be a list of whole numbers from 0.")
            if count is not None and len(values) != count:
                raise InputError(f"{path}: metadata: {name} has {len(values)} entries; {count} are wanted.")
            return np.array(values, np.int64)
    return None


def _tokens(metadata: Mapping[str, Any], rows: int, path: Path) -> dict[int, str]:
    """Token strings by token id, which is the row unless the metadata have ids."""
    tokens = metadata.get("tokens")
    if tokens is None:
        return {}
    if not isinstance(tokens, list) or len(tokens) != rows:
        raise InputError(f"{path}: metadata: tokens should be a list of {rows} strings, one a row.")
    ids = _ids(metadata, ("token_ids", "ids"), rows, path)
    return dict(zip((range(rows) if ids is None else ids.tolist()), map(str, tokens), strict=True))


def _scalars(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What can be an attribute of the file; the rest as JSON."""
    kept: dict[str, Any] = {}
    for name, value in metadata.items():
        if name not in _LISTS and value is not None:
            kept[name] = value if isinstance(value, str | int | float | bool) else json.dumps(value)
    return kept
