"""Asynchronous copies of tensors from any device to NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class AsyncCopy:
    """A copy, possibly still in progress; a CPU tensor must not be modified afterwards (pass a new one or a clone)."""

    def __init__(self, tensor: Tensor) -> None:
        tensor = tensor.detach()
        self._ready: Any = None
        if tensor.is_cuda:
            pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            pinned.copy_(tensor, non_blocking=True)
            self._ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._ready.record()
            self._tensor = pinned
        else:
            self._tensor = tensor.cpu()

    def array(self) -> NDArray[Any]:
        """Waits for the copy and returns it; bfloat16 and float16 are converted to float32, which is exact."""
        if self._ready is not None:
            self._ready.synchronize()
        if self._tensor.dtype is torch.bfloat16:
            words = self._tensor.contiguous().view(torch.int16).numpy().view(np.uint16)
            return (words.astype(np.uint32) << np.uint32(16)).view(np.float32)
        values: NDArray[Any] = self._tensor.numpy()
        return values.astype(np.float32) if values.dtype == np.float16 else values
