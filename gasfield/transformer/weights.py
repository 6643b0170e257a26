"""The tensors of a model as float32 arrays, after their names and shapes were compared with what its family has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gasfield.errors import InputError
from gasfield.kernels.bfloat16 import from_bits
from gasfield.printable import listed
from gasfield.tensors import PRECISIONS, Tensor
from gasfield.transformer.parts import Array

Shapes = dict[str, tuple[int, ...]]
_NAMED = 4


def load_weights(origin: Path, stored: Mapping[str, Tensor], shapes: Shapes) -> dict[str, Array]:
    """The arrays of a model by name.

    Args:
        origin: its folder or file, for messages.
        stored: its tensors, by their names in the family.
        shapes: name -> shape of each tensor that the family has with this configuration.

    Raises:
        InputError: if one is missing, or of another shape or number type, or holds numbers that are not finite.
    """
    missing = [name for name in shapes if name not in stored]
    if missing:
        raise InputError(
            f"{origin}: {len(missing)} of {len(shapes)} tensors of the model are missing, first {missing[0]}."
        )
    for name, shape in shapes.items():
        if stored[name].shape != shape:
            raise InputError(f"{origin}: {name} has the shape {stored[name].shape}, its configuration wants {shape}.")
    return {name: _float32(origin, name, stored[name]) for name in shapes}


def require_no_others(origin: Path, stored: Mapping[str, Tensor], shapes: Shapes, unused: tuple[str, ...]) -> None:
    """Refuses a model with tensors that its family does not have, since they would change what it computes.

    Args:
        origin: its folder or file.
        stored: its tensors.
        shapes: those of the family.
        unused: ends of names of buffers that can be computed from the configuration.

    Raises:
        InputError: if there are others.
    """
    others = [name for name in stored if name not in shapes and not name.endswith(unused)]
    if others:
        raise InputError(f"{origin}: its family has no {listed(others, _NAMED)}; such a model is not computed here.")


def _float32(origin: Path, name: str, tensor: Tensor) -> Array:
    if tensor.numbers not in PRECISIONS.values():
        raise InputError(f"{origin}: {name} holds {tensor.numbers} values; weights are floating-point numbers.")
    bits = np.array(tensor.load())
    with np.errstate(over="ignore"):
        values = from_bits(bits) if tensor.numbers == "bfloat16" else bits.view(tensor.numbers).astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{origin}: {name} holds {np.sum(~np.isfinite(values))} numbers that are not finite.")
    return np.ascontiguousarray(values)
