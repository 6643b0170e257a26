"""PyTorch as a reference for arithmetic, where it is installed and computes as the reference does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numba
import pytest


@contextmanager
def one_numba_thread() -> Iterator[None]:
    """Small arrays are done before a second thread has woken up (and a test may set its own number)."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


@contextmanager
def pytorch_with_vectors() -> Iterator[ModuleType]:
    """PyTorch on one thread, so that it does not split arrays; skips where its kernels have no fused multiply-add."""
    torch = pytest.importorskip("torch", reason="PyTorch is the reference")
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("the reference is PyTorch on a processor with AVX2 or AVX-512")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)
