"""Tensors in files of `torch.save`. PyTorch reads them with `weights_only=True`: code in them is never executed."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.tensors import Tensor, Words

_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
_DEEPEST = 6
"""Maximum nesting depth of a state dict."""
_NUMBERS = {"bfloat16": "uint16", "float16": "uint16", "float32": "uint32", "float64": "uint64"}


def is_state_dict(path: Path) -> bool:
    """Whether a file has a suffix used for files of `torch.save`."""
    return path.suffix in _SUFFIXES


def state_dict_tensors(path: Path) -> list[Tensor]:
    """All tensors in a file, nested names joined by dots; mapped, not read.

    Raises:
        InputError: if PyTorch is not installed, or the file is damaged or holds more than tensors and plain values.
    """
    if find_spec("torch") is None:
        raise InputError(
            f"{path}: files of torch.save need PyTorch, which is an extra: pip install 'gasfield[record]'; or save the "
            "checkpoint as safetensors."
        )
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # errors are reported in one message below
            try:
                data = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError:  # files before PyTorch 1.6 cannot be mapped
                data = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as fault:
        raise InputError(
            f"{path}: holds more than tensors and plain values; opening it would run any code that it contains, which "
            "gasfield never does. If you trust it, save its state dict alone: torch.save(model.state_dict(), ...), "
            f"or as safetensors. ({_first_line(fault)})"
        ) from None
    except Exception as fault:  # for a damaged file PyTorch may raise any exception
        raise InputError(f"{path}: cannot be read; is it cut short? ({_first_line(fault)})") from None
    tensors = list(_walk(data, ""))
    if not tensors:
        raise InputError(f"{path}: no tensors in it.")
    return tensors


def _first_line(fault: Exception) -> str:
    """The first line of a message of PyTorch; further lines give advice that does not apply here."""
    return (str(fault).splitlines() or [type(fault).__name__])[0][:200]


def _walk(data: Any, name: str, depth: int = 0) -> Iterator[Tensor]:
    """Yields tensors to a limited depth: an object may contain itself."""
    import torch

    if isinstance(data, torch.Tensor):
        yield _tensor(data, name)
    elif isinstance(data, Mapping) and depth < _DEEPEST:
        for key, value in data.items():
            if isinstance(key, str):
                yield from _walk(value, f"{name}.{key}" if name else key, depth + 1)


def _tensor(tensor: Any, name: str) -> Tensor:
    import torch

    numbers = str(tensor.dtype).removeprefix("torch.")

    def load() -> Words:
        try:
            bits: Words = tensor.contiguous().view(getattr(torch, f"int{8 * tensor.element_size()}")).numpy()
        except RuntimeError as fault:
            raise InputError(f"{name}: this tensor is not a plain array in memory ({_first_line(fault)}).") from None
        return bits.view(_NUMBERS[numbers])

    return Tensor(name, tuple(tensor.shape), numbers, load)
