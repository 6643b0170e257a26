"""Paths of the shipped recordings."""

from __future__ import annotations

import tarfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
RECORDINGS = ROOT / "scenarios" / "recordings"
RECORDING_NAMES = ("kjv-bf16", "kjv-bf16-fp32state", "kjv-fp32")


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive of ours; Python 3.11.0 to 3.11.3 have no filters yet."""
    with tarfile.open(archive) as opened:
        if hasattr(tarfile, "data_filter"):
            opened.extractall(folder, filter="data")
        else:
            opened.extractall(folder)
