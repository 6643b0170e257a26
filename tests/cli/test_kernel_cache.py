"""A torn or impossible cache of compiled kernels, a fork after a run, and wrong settings of Numba and matplotlib."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numba
import pytest

from gasfield.cli.environment import check_environment
from gasfield.errors import InputError
from gasfield.kernels import cache

PLUGIN = """
import sys
import numpy as np
from numba import prange
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit

@jit(**EXACT)
def twice(x):
    return x + x

@jit(**EXACT_PARALLEL)
def double(values):
    for i in prange(len(values)):
        values[i] = twice(values[i])

def work():
    values = np.arange(1000.0)
    double(values)
    return (values == 2 * np.arange(1000.0)).all()
"""
ONCE = """
assert work()
print(*(sum(counts.values()) for counts in (double.stats.cache_hits, double.stats.cache_misses)))
"""
FORK = """
import multiprocessing
work()
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(all(pool.starmap(work, [()] * 8)))
"""


Run = Callable[..., subprocess.CompletedProcess[str]]


def execute(folder: Path, code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Executes code that calls the kernels above in a new process, with the cache in `folder`."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache")} | settings
    command = [sys.executable, "-c", f"from kernels import *\n{code}"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the kernels and their compiled code."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "kernels.py").write_text(PLUGIN)
    assert execute(folder, ONCE).stdout == "0 1\n"
    return folder


@pytest.fixture
def run(warm: Path, tmp_path: Path) -> Run:
    """`execute` in a copy of that folder."""
    shutil.copytree(warm, tmp_path, dirs_exist_ok=True)
    return partial(execute, tmp_path)


def tear(path: Path, way: str) -> None:
    whole = path.read_bytes()
    path.unlink()
    if way == "a folder":
        path.mkdir()
    else:
        path.write_bytes({"empty": b"", "short": whole[:-100], "garbage": b"\0" * len(whole)}[way])


@pytest.mark.parametrize(
    "ways",
    [
        ("short", "garbage"),
        pytest.param(("garbage", "empty"), marks=pytest.mark.validate),
        pytest.param(("a folder", "short"), marks=pytest.mark.validate),
    ],
)
def test_a_torn_cache_is_compiled_again_with_one_note(run: Run, tmp_path: Path, ways: tuple[str, str]) -> None:
    for name, way in zip(("double", "twice"), ways, strict=True):
        (file,) = (tmp_path / "cache").glob(f"kernels.{name}-*.kernel")
        tear(file, way)
    done = run(ONCE)
    assert (done.returncode, done.stdout) == (0, "0 1\n")
    assert done.stderr.count("are compiled again") == 1
    if "a folder" in ways:  # such a file cannot be replaced
        assert done.stderr.count("are not kept") == 1
    else:
        again = run(ONCE)
        assert (again.stdout, again.stderr) == ("1 0\n", "")


@pytest.mark.parametrize("reason", ["full", pytest.param("read-only", marks=pytest.mark.validate)])
def test_a_cache_that_cannot_be_written_is_done_without(run: Run, tmp_path: Path, reason: str) -> None:
    shutil.rmtree(tmp_path / "cache")
    failing = "import os\nos.{} = lambda *_: (_ for _ in ()).throw(OSError({}, 'no'))\n"
    done = run(failing.format(*(("mkdir", 30) if reason == "read-only" else ("pwrite", 28))) + ONCE)
    assert (done.returncode, done.stdout) == (0, "0 1\n")
    assert len(done.stderr.splitlines()) == 1
    assert "are not kept" in done.stderr
    assert not any(file.is_file() for file in tmp_path.glob("cache/*"))


def test_changed_sources_and_options_are_compiled(run: Run, tmp_path: Path) -> None:
    assert run(ONCE, NUMBA_BOUNDSCHECK="1").stdout == "0 1\n"
    (tmp_path / "kernels.py").write_text(PLUGIN.replace("x + x", "x * 2.0"))
    assert run(ONCE).stdout == "0 1\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("layer", ["omp", pytest.param("workqueue", marks=pytest.mark.validate)])
def test_workers_forked_after_a_run_give_the_same(run: Run, layer: str) -> None:
    done = run(FORK, NUMBA_THREADING_LAYER=layer)
    if "no threading layer" in done.stderr.lower():
        pytest.skip(f"Numba has no {layer} here")
    assert (done.returncode, done.stdout) == (0, "True\n")


@pytest.mark.parametrize("value", ["0", "two", ""])
def test_a_number_of_threads_that_numba_does_not_accept_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    with pytest.raises(InputError, match=f"NUMBA_NUM_THREADS.*{value}.*at least 1"):
        check_environment()


def test_a_threading_layer_that_does_not_exist_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gasfield.cli", "show", "double-well"]
    environment = os.environ | {"NUMBA_THREADING_LAYER": "warp"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("gasfield: NUMBA_THREADING_LAYER warp: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_backend_of_matplotlib_that_does_not_exist_has_no_effect(tmp_path: Path) -> None:
    code = "from pathlib import Path; from gasfield.plots import style; style.save(style.new_figure(), Path('a.png'))"
    environment = os.environ | {"MPLBACKEND": "no-such"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a.png").is_file()


def test_the_dispatcher_of_numba_still_asks_its_cache() -> None:
    """`jit` sets an attribute that is internal to Numba; without it, nothing would be cached."""
    from gasfield.kernels.dot import dot
    from gasfield.kernels.kernel_cache import KernelCache

    assert numba.config.DISABLE_JIT or isinstance(dot._cache, KernelCache)


def test_the_digest_covers_every_package_whose_kernels_others_call() -> None:
    """A kernel contains those that it calls, of other files too. Those of `learning` and `sampling` are called in their
    own file alone, of which a kernel has the digest."""
    package = Path(cache.__file__).parent.parent
    files = [
        path for path in package.rglob("*.py") if re.search(r"^@(jit\(|intrinsic)", path.read_text(), re.MULTILINE)
    ]
    holders = {path.relative_to(package).parts[0] for path in files}
    assert {"kernels", "neighbours", "stepping"} <= holders
    assert holders - {"learning", "sampling"} <= set(cache._HOLD_KERNELS)
