"""The decorator of every kernel: Numba's `jit` with a cache of our own, and safe after a fork."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numba
from numba.core.dispatcher import Dispatcher

from gasfield.kernels.kernel_cache import KernelCache

_kernels: WeakSet[Any] = WeakSet()


def jit(*, cache: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compiles a function when it is first called.

    Args:
        cache: whether the code is kept in a `KernelCache`.
        options: of `numba.jit`.
    """

    def compile_later(function: Callable[..., Any]) -> Any:
        kernel: Any = numba.jit(**options)(function)
        if isinstance(kernel, Dispatcher):  # it is the function itself where Numba's compiler is disabled
            _kernels.add(kernel)
            if cache:
                kernel._cache = KernelCache(kernel)  # type: ignore[attr-defined]
        return kernel

    return compile_later


def is_compiled(kernel: Any, *arguments: Any) -> bool:
    """Whether a kernel has been compiled for arguments of these types, in this process or for the cache."""
    if not isinstance(kernel, Dispatcher):
        return True
    signature = tuple(numba.typeof(argument) for argument in arguments)  # type: ignore[no-untyped-call]
    if signature in kernel.overloads:
        return True
    stored = getattr(kernel, "_cache", None)
    return isinstance(stored, KernelCache) and stored.holds(signature, kernel.targetctx)


def _run_serially() -> None:
    """In a forked process, replaces parallel kernels by serial ones, which give the same bits.

    The threads of the parent do not exist here. OpenMP would end the process at the first parallel loop, so that a pool
    of workers waits for ever.
    """
    threads = sys.modules.get("numba.np.ufunc.parallel")
    if threads is None or not threads._is_initialized:  # no thread has been started yet: that is still possible here
        return
    for kernel in _kernels:
        kernel.targetoptions["parallel"] = False
        kernel._reset_overloads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_run_serially)
