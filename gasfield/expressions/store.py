"""The cache of generated laws: files in Numba's cache folder, named by a digest of their content.

A process imports a cached law, and Numba loads the code compiled for that file. The file name is a digest of the trees
and of the sources of this package, so that it is never stale. Cached files are executed, like Numba's cache, so that
they must not be in a shared folder for temporary files.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from types import ModuleType

from numba import config

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
    """The file of a law, written atomically."""
    path = _folder() / f"{key}.py"
    if not path.is_file():
        source = write()
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8") as part:
            part.write(source)
        os.replace(part.name, path)
    return path


def _import(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _folder() -> Path:
    """A folder in Numba's cache folder; if that is not writable, a private folder of this process."""
    chosen = str(config.CACHE_DIR)  # type: ignore[attr-defined]
    if chosen:
        folder = Path(chosen) / "expressions"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
        except OSError:
            pass
    return _private()


@cache
def _private() -> Path:
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
