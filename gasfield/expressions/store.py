"""The cache of generated laws: files in the cache folder of kernels, named by a digest of their content.

A process imports a cached law, and loads the code compiled for that file. The file name is a digest of the trees and of
the sources of this package, so that it is never stale. Cached files are executed, like compiled kernels, so that they
must not be in a shared folder for temporary files.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from types import ModuleType

from gasfield.errors import WriteError
from gasfield.files import make_folder, write_file
from gasfield.kernels.cache import cache_folder
from gasfield.kernels.pointwise import PointwiseKernel


def stored(content: Hashable, write: Callable[[], str]) -> PointwiseKernel:
    """The compiled law, from the cache or newly generated.

    Args:
        content: the content of the law; its `repr` is the key.
        write: generates its source; called if it is not cached.
    """
    key = hashlib.sha256(f"{_generator()} {content!r}".encode()).hexdigest()
    name = f"gasfield_expression_{key}"
    if name not in sys.modules:
        sys.modules[name] = _import(name, _file(key, write))
    law: PointwiseKernel = sys.modules[name].law
    return law


def _file(key: str, write: Callable[[], str]) -> Path:
    """The file of a law; it is generated if there is none, or a damaged one."""
    name = f"{key}.py"
    path = _folder() / name
    if _is_intact(path):
        return path
    source = write()
    content = f"{_checksum(source)}\n{source}"
    try:
        make_folder(path.parent, mode=0o700)
        return write_file(path, content)
    except WriteError:
        return write_file(_private() / name, content)


def _folder() -> Path:
    return cache_folder() / "expressions"


def _is_intact(path: Path) -> bool:
    """Whether a file can be read and agrees with its checksum."""
    try:
        checksum, _, source = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return False
    return checksum == _checksum(source)


def _checksum(source: str) -> str:
    """The first line of a file."""
    return f"# SHA-256 of what follows: {hashlib.sha256(source.encode()).hexdigest()}"


def _import(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _private() -> Path:
    """A folder of this process, for a cache folder that cannot be written."""
    folder = tempfile.mkdtemp(prefix="gasfield-expressions-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def _generator() -> str:
    """Digest of the sources of this package."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
