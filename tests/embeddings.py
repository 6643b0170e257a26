"""Embedding matrices with known groups of identical rows, written to files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.kernels.bfloat16 import bits, round_to_bfloat16

EMBEDDING = "model.embed_tokens.weight"
TYPES = {"BF16": "<u2", "F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "U16": "<u2"}


def bfloat16_rows(generator: np.random.Generator, rows: int, dimensions: int) -> NDArray[np.uint16]:
    """The bits of Gaussian rows with sigma = .02."""
    return bits(round_to_bfloat16(generator.standard_normal((rows, dimensions), dtype=np.float32) * np.float32(0.02)))


def write_safetensors(
    path: Path, tensors: Mapping[str, tuple[str, NDArray]], padding: str = "", metadata: bool = True
) -> Path:
    """Writes arrays by name, each with its safetensors data type."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}} if metadata else {}
    start, arrays = 0, []
    for name, (kind, given) in tensors.items():
        values = given.astype(TYPES[kind], copy=False)
        arrays.append(values)
        header[name] = {"dtype": kind, "shape": values.shape, "data_offsets": [start, start + values.nbytes]}
        start += values.nbytes
    text = json.dumps(header).encode() + padding.encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for values in arrays:
            file.write(values.tobytes())
    return path


def write_planted(path: Path, rows: int, dimensions: int, sizes: Iterable[int], seed: int = 0) -> list[list[int]]:
    """Writes a bfloat16 safetensors file with groups of identical rows of given sizes; returns the ids of each."""
    generator = np.random.default_rng(seed)
    ids = generator.permutation(rows)
    ends = np.cumsum(list(sizes))
    groups = [np.sort(part) for part in np.split(ids[: ends[-1]], ends[:-1])]
    leaders = bfloat16_rows(generator, len(groups), dimensions)
    owner = np.full(rows, -1)
    for number, group in enumerate(groups):
        owner[group] = number
    entry = {"dtype": "BF16", "shape": [rows, dimensions], "data_offsets": [0, 2 * rows * dimensions]}
    text = json.dumps({EMBEDDING: entry}).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for start in range(0, rows, 2048):
            block = bfloat16_rows(generator, min(2048, rows - start), dimensions)
            planted = owner[start : start + len(block)]
            block[planted >= 0] = leaders[planted[planted >= 0]]
            file.write(block.tobytes())
    return [group.tolist() for group in sorted(groups, key=lambda group: (-len(group), group[0]))]
