"""Pickles, which are refused: opening one runs the code that it contains."""

from __future__ import annotations

from pathlib import Path

from gasfield.errors import InputError
from gasfield.tensors.tensor import Tensor

SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib")
"""Of files that are pickles, or archives with one."""
IF_TRUSTED = (
    "If you trust it, load it and save the matrix with safetensors.torch.save_file({'embedding': weight}, "
    "'embedding.safetensors') or numpy.save."
)
NO_PICKLES = (
    f"this is a pickle; opening it would run any code that it contains, which gasfield never does. {IF_TRUSTED}"
)


def is_pickle(start: bytes) -> bool:
    """Whether a file that starts with these bytes is a pickle of protocol 2 or later."""
    return start[:1] == b"\x80"


def refuse_pickle(path: Path) -> list[Tensor]:
    """Refuses a pickle.

    Raises:
        InputError: always.
    """
    raise InputError(f"{path}: {NO_PICKLES}")
