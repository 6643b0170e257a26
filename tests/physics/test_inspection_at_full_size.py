"""The whole command on an embedding as large as real ones: planted groups exactly, within a bound of memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from embeddings import write_planted

SIZES = (814, 704, 306, 228, 11, 10, 6, 5, 4, 4, 3, 3, 2)
RUN = """
import re, resource, sys
from pathlib import Path
from gasfield.cli import main

def peak():
    # Linux hands the peak of the parent down in getrusage; /proc knows that of this process.
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

try:
    main()
finally:
    print(peak(), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("rows", "dimensions", "most"),
    [(12_000, 256, 0.6e9), pytest.param(151_936, 2560, 2.5e9, marks=pytest.mark.validate)],
    ids=["small", "full size"],
)
def test_planted_groups_are_found_within_memory(tmp_path: Path, rows: int, dimensions: int, most: float) -> None:
    """The file is 6 or 778 MB; its pages count where they are mapped. About 0.3 GB are Python, Numba and BLAS."""
    file = tmp_path / "embedding.safetensors"
    groups = write_planted(file, rows, dimensions, SIZES)
    began = time.perf_counter()
    command = [sys.executable, "-c", RUN, "inspect", str(file), "--json", "--rows", "0:1000"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    seconds = time.perf_counter() - began
    file.unlink()
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["identical"]["groups"]["value"] == list(SIZES)
    assert data["identical"]["members"]["value"] == groups
    assert data["components"]["sizes"]["value"] == list(SIZES)
    peak = int(done.stderr.split()[-1])
    print(f"{rows} x {dimensions}: {seconds:.1f} s, {peak / 1e9:.2f} GB")
    assert peak < most
