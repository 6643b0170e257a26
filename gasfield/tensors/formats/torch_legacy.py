"""Files of `torch.save` before PyTorch 1.6. PyTorch reads them with `weights_only=True`: no code in them is run."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.printable import shortened
from gasfield.tensors.formats.pickled import IF_TRUSTED
from gasfield.tensors.tensor import Tensor, Words

_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""A pickled number with which such a file begins, after the protocol of the pickle."""
_DEEPEST, _MOST = 6, 2_000_000
"""Levels and entries of a state dict that are looked through."""


def is_torch_legacy(start: bytes) -> bool:
    """Whether a file that starts with these bytes is one."""
    return start[:1] == b"\x80" and start[2 : 2 + len(_MAGIC)] == _MAGIC


def read_torch_legacy(path: Path) -> list[Tensor]:
    """All tensors in a file, nested names joined by dots.

    Raises:
        InputError: if PyTorch is not installed, or the file is damaged or holds more than tensors and plain values.
    """
    if find_spec("torch") is None:
        raise InputError(
            f"{path}: a pickle of torch.save before PyTorch 1.6, which only PyTorch reads: pip install "
            "'gasfield[record]'; or save it anew, as safetensors."
        )
    import torch

    require_memory(2 * path.stat().st_size, str(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # errors are reported in one message below
            data = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path}: this is a pickle that holds more than tensors and plain values; opening it would run any code "
            "that it contains, which gasfield never does. Save the state dict alone: torch.save(model.state_dict(), "
            f"...), or as safetensors. {IF_TRUSTED}"
        ) from None
    except Exception as fault:  # for a damaged file PyTorch may raise any exception
        raise InputError(f"{path}: cannot be read; is it cut short? ({type(fault).__name__})") from None
    tensors: list[Tensor] = []
    for number, found in enumerate(_walk(data, "")):
        if number > _MOST:
            raise InputError(f"{path}: holds more than {_MOST:,} entries; save the state dict of the model alone.")
        tensors += [] if found is None else [_tensor(path, *found)]
    return tensors


def _walk(data: Any, name: str, depth: int = 0) -> Iterator[tuple[str, Any] | None]:
    """Names and tensors, to a limited depth: an object may contain itself; None for everything else."""
    import torch

    if isinstance(data, torch.Tensor):
        yield name, data
    else:
        yield None
    if isinstance(data, Mapping) and depth < _DEEPEST:
        for key, value in data.items():
            if isinstance(key, str):
                yield from _walk(value, f"{name}.{key}" if name else key, depth + 1)


def _tensor(path: Path, name: str, tensor: Any) -> Tensor:
    import torch

    numbers = str(tensor.dtype).removeprefix("torch.")

    def load() -> Words:
        try:
            require_memory(tensor.numel() * tensor.element_size(), f"{path}: {shortened(name)}")
            bits = 8 * tensor.element_size()
            words: Words = tensor.contiguous().view(getattr(torch, f"int{bits}")).numpy().view(f"u{bits // 8}")
        except (RuntimeError, AttributeError, TypeError):
            raise InputError(f"{path}: {shortened(name)}: this tensor is not a plain array in memory.") from None
        return words

    return Tensor(name, tuple(tensor.shape), numbers, load)
