"""Where a file comes from: versions of what made it."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gasfield.version import __version__

_PACKAGE = Path(__file__).parent


def versions(*packages: str) -> dict[str, str]:
    """Versions of gasfield, Python and packages; the commit too, where gasfield runs from a source tree."""
    found = {"gasfield": __version__, "python": platform.python_version(), "machine": platform.machine()}
    for package in ("numpy", "numba", "h5py", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    commit = _commit()
    return found | ({"commit": commit} if commit else {})


def _commit() -> str | None:
    """Commit of the source tree, marked where the package differs from it."""
    if not (_PACKAGE.parent / ".git").exists():
        return None
    try:
        commit = _git(_PACKAGE, "rev-parse", "--short=12", "HEAD")
        return commit + ("-dirty" if _git(_PACKAGE, "status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
