"""The layers of the design: imports go downwards only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_imports_go_downwards_only() -> None:
    pytest.importorskip("importlinter", reason="needs the extra `gasfield[test]`")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        ("--help", {"numba", "numpy", "h5py", "torch", "matplotlib", "pydantic"}),
        ("list", {"numba", "numpy", "scipy", "h5py", "torch", "matplotlib"}),
    ],
)
def test_a_quick_command_imports_nothing_heavy(command: str, heavy: set[str]) -> None:
    code = (
        "import sys; from gasfield import cli\n"
        f"try: cli.app(['{command}'])\n"
        "except SystemExit: pass\n"
        f"imported = {heavy!r} & set(sys.modules)\n"
        "sys.exit(f'imported {imported}' if imported else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_kind_is_there_without_the_slow_parts_of_scipy() -> None:
    """They take half as long to import as all the rest of a scenario; `import scipy` finds them where they are used."""
    parts = ("stats", "spatial", "optimize", "interpolate", "integrate", "ndimage")
    slow = {"matplotlib", *(f"scipy.{part}" for part in parts)}
    code = f"import sys, gasfield.runs, gasfield.sweeps.warm; print(sorted({slow!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
