"""Compiled kernels on disk, one file for each kernel and signature, with a checksum.

Numba's own cache hands a file that is cut short to LLVM, which ends the process (numba#10434), and an unreadable index
ends it with a traceback. Here a file is used only if its checksum is right; otherwise the kernel is compiled again. A
folder that cannot be read or written costs time only. Each of these is reported once, on stderr.

Like those of Numba's cache, these files contain machine code: whoever can write them can execute anything. They are in
a folder of the user.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import compiler, config, serialize, types
from numba.core.caching import _Cache

from gasfield.errors import WriteError
from gasfield.files import make_folder, write_file
from gasfield.kernels.cache import SUFFIX, cache_folder, sources_digest

_DIGEST = 32
"""Bytes of a checksum (SHA-256), at the beginning of each file."""
_OPTIONS = ("BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE")
"""Settings of Numba that change the compiled code."""


class KernelCache(_Cache):  # type: ignore[misc]
    """The cached code of one kernel, used by its dispatcher in place of Numba's cache."""

    def __init__(self, kernel: Any) -> None:
        self._kernel, self._enabled = kernel, True

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(cache_folder())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code compiled for a signature; None if there is none, or none that is intact."""
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        if path is None:
            return None
        try:
            content = path.read_bytes()
            if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
                raise ValueError("damaged")
            return compiler.CompileResult._rebuild(target_context, *pickle.loads(content[_DIGEST:]))  # type: ignore[no-untyped-call]
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as fault:  # whatever is wrong with a cache, it can be compiled again
            reason = getattr(fault, "strerror", None) or fault
            _note("read", f"{path}: {reason}; this and other such kernels are compiled again")
            return None

    def holds(self, sig: Any, target_context: Any) -> bool:
        """Whether there is a file for a signature."""
        path = self._path(sig, target_context.codegen())
        return path is not None and path.is_file()

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps the code compiled for a signature, if it does not refer to this process."""
        path = self._path(sig, data.codegen)
        if path is None or data.lifted or data.library.has_dynamic_globals:
            return
        content: bytes = serialize.dumps(data._reduce())  # type: ignore[no-untyped-call]
        try:
            make_folder(path.parent, mode=0o700)
            write_file(path, hashlib.sha256(content).digest() + content)
        except WriteError as fault:
            _note("write", f"compiled kernels are not kept: {fault}")

    def enable(self) -> None:
        """From now on the cache is used."""
        self._enabled = True

    def disable(self) -> None:
        """From now on the cache is not used."""
        self._enabled = False

    def flush(self) -> None:
        """Without effect: a file is replaced when its kernel is compiled again."""

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        """The file for a signature, named by everything on which the code depends; None if it must not be cached."""
        function = self._kernel.py_func
        arguments = [_name(each) for each in (sig if isinstance(sig, tuple) else sig.args)]
        if not self._enabled or function.__closure__ or None in arguments:
            return None
        settings = [getattr(config, name) for name in _OPTIONS]
        content = (
            *(numba.__version__, sys.implementation.cache_tag, settings, codegen.magic_tuple(), sources_digest()),
            *(_file_digest(inspect.getfile(function)), function.__code__.co_firstlineno, function.__code__.co_code),
            *(sorted(self._kernel.targetoptions.items()), arguments),
        )
        key = hashlib.sha256(repr(content).encode()).hexdigest()[:32]
        name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        return cache_folder() / f"{name.replace('<', '').replace('>', '')[:100]}-{key}{SUFFIX}"


def _name(argument: Any) -> str | None:
    """The type of an argument, the same in every process; None if there is no such name."""
    if isinstance(argument, types.Dispatcher):
        return str(argument.dispatcher._uuid)  # of a law: `pointwise_kernel`
    if isinstance(argument, types.BaseTuple):
        parts = [_name(each) for each in argument]  # type: ignore[attr-defined]
        return None if None in parts else f"{type(argument).__name__}{parts}"
    name = str(argument)
    return None if " at 0x" in name else name


@cache
def _file_digest(path: str) -> str:
    """Digest of a source; of a file of a plug-in, say."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if Path(path).is_file() else path


_noted: set[str] = set()


def _note(kind: str, text: str) -> None:
    """Prints the first note of each kind."""
    if kind not in _noted:
        _noted.add(kind)
        print(f"gasfield: note: {text}", file=sys.stderr)
