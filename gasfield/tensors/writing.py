"""The bytes of a safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_STORED = {"BF16": "<u2", "F16": "<f2", "F32": "<f4", "F64": "<f8"}
_ALIGNMENT = 8


def encode_safetensors(
    tensors: Mapping[str, tuple[str, NDArray[Any]]], metadata: Mapping[str, str] | None = None
) -> bytes:
    """A safetensors file with these tensors, in their order.

    Args:
        tensors: number type by its name in the format, and values, of each; of BF16 the bits, as uint16.
        metadata: of the header.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts, start = [], 0
    for name, (kind, values) in tensors.items():
        data = np.ascontiguousarray(values, _STORED[kind]).tobytes()
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [start, start + len(data)]}
        parts.append(data)
        start += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])
