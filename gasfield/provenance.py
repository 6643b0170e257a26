"""Where a file comes from: versions of what made it."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import gasfield


def versions(*packages: str) -> dict[str, str]:
    """Versions of gasfield, Python and packages; the commit too, where gasfield runs from a source tree."""
    found = {"gasfield": gasfield.__version__, "python": platform.python_version(), "machine": platform.machine()}
    for package in ("numpy", "numba", "h5py", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    commit = _commit()
    return found | ({"commit": commit} if commit else {})


def _commit() -> str | None:
    tree = Path(gasfield.__file__).parent.parent
    if not (tree / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(tree), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
