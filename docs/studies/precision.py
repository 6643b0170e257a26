"""Which rounding contracts the dead-token cloud, and which one freezes it: three precisions, three seeds, 3,000 steps.

Nine real trainings of the tiny model are recorded (outputs/precision, about an hour on two cores, once: what is there
already is not made again).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "outputs" / "precision"
PRECISIONS = ("bf16", "bf16-fp32state", "fp32")
SEEDS = (1, 2, 3)
STEPS = 3000
KEPT_IN_HEAP = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8000000000"
"""The logits of a step are 80 MB; that memory given back and asked for again at each step would double its time."""


def recording(precision: str, seed: int) -> Path:
    """Where a training is recorded."""
    return FOLDER / f"{precision}-seed{seed}.h5"


def record(precision: str, seed: int) -> None:
    """Trains and records, in a process of its own, unless it was done before."""
    path = recording(precision, seed)
    if path.exists():
        return
    draft = path.with_suffix(".part.h5")
    options = f"--precision {precision} --seed {seed} --steps {STEPS} --every 10 --full-steps 12 --survey-steps 40"
    command = [sys.executable, "-m", "gasfield.cli", "record", *options.split(), "--threads", "1", "--quiet"]
    environment = os.environ | {"GLIBC_TUNABLES": KEPT_IN_HEAP}
    subprocess.run([*command, "--overwrite", "-o", str(draft)], check=True, env=environment, cwd=ROOT)
    draft.replace(path)
    print(f"{path.name}: recorded", flush=True)


def record_all(runs: Iterable[tuple[int, str]]) -> None:
    """All trainings that are missing, one a core."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda run: record(run[1], run[0]), runs))


def main() -> None:
    """Records what is missing."""
    record_all(product(SEEDS, PRECISIONS))


if __name__ == "__main__":
    main()
