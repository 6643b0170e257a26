"""The provenance of a file: versions of the software, and digests of the input data files."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from gasfield.version import __version__

_PACKAGE = Path(__file__).parent
_WHOLE = 1 << 26
"""Size up to which a file is hashed completely [bytes]."""
_SAMPLES, _SAMPLE = 64, 1 << 20
"""Number of parts of a larger file that are hashed, evenly spaced including both ends, and their size [bytes]."""


@dataclass(frozen=True)
class FileDigest:
    """Identification of the content of a file.

    Attributes:
        size: of the file [bytes].
        sha256: of its content; for a file of more than 64 MiB, of 64 parts of 1 MiB each, evenly spaced from its first
            to its last byte, so that files of any size are identified within a second; for a folder, of the names and
            digests of its files.
    """

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """The digest of a file, or of a folder of files.

        Raises:
            OSError: if it cannot be read.
        """
        if path.is_dir():
            files = {str(file.relative_to(path)): cls.of(file) for file in sorted(path.rglob("*")) if file.is_file()}
            text = "".join(f"{name}\0{found.size} {found.sha256}\n" for name, found in files.items())
            return cls(sum(found.size for found in files.values()), hashlib.sha256(text.encode()).hexdigest())
        size, digest = path.stat().st_size, hashlib.sha256()
        with path.open("rb") as file:
            if size <= _WHOLE:
                while block := file.read(_SAMPLE):
                    digest.update(block)
            else:
                for number in range(_SAMPLES):
                    file.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
                    digest.update(file.read(_SAMPLE))
        return cls(size, digest.hexdigest())

    def as_json(self) -> dict[str, Any]:
        """As a mapping of plain values."""
        return asdict(self)


def versions(*packages: str) -> dict[str, str]:
    """Versions of gasfield, Python and packages; also the commit, if gasfield runs from a source tree."""
    found = {"gasfield": __version__, "python": platform.python_version(), "machine": platform.machine()}
    for package in ("numpy", "numba", "h5py", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    commit = _commit()
    return found | ({"commit": commit} if commit else {})


def _commit() -> str | None:
    """Commit of the source tree, marked `-dirty` if the package differs from it."""
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
