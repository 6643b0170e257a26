"""Which rounding contracts the dead-token cloud, and which one freezes it: three precisions, three seeds, 3,000 steps.

Nine real trainings of the tiny model are recorded (outputs/precision, about an hour on two cores, once: what is there
already is not made again). All dead rows of each are replayed in its recorded field under every precision of weights,
first and second moment (ten minutes, kept beside the recordings). Writes docs/studies/precision.md and
docs/figures/precision-*.png. Run by `make precision`; with `--partial` it trains nothing and tells of what is there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn

ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
os.environ.update(ONE_THREAD)  # before NumPy is loaded: replays side by side share the cores by themselves

from precision_replays import CASES, fingerprint, replay_once  # noqa: E402
from precision_report import write_report  # noqa: E402
from precision_tables import Run  # noqa: E402

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


def recorded() -> list[Run]:
    """The runs that are there, by seed and precision."""
    there = [(seed, precision, recording(precision, seed)) for seed, precision in product(SEEDS, PRECISIONS)]
    return [Run(precision, seed, path, fingerprint(path)) for seed, precision, path in there if path.exists()]


def replay_all(runs: Iterable[Run]) -> None:
    """All replays that are missing, one a core."""
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        waiting = [pool.submit(replay_once, run.path, run.fingerprint, case) for run in runs for case in CASES]
        for done in as_completed(waiting):
            if message := done.result():
                print(message, flush=True)


def give_up(why: str) -> NoReturn:
    """Says why, and ends with the code of a bad command."""
    print(why, file=sys.stderr)
    sys.exit(2)


def main(arguments: list[str]) -> None:
    """Records what is missing, replays, reports.

    Raises:
        SystemExit: if there is an argument but `--partial`, or nothing was recorded yet.
    """
    if arguments not in ([], ["--partial"]):
        give_up(f"precision.py takes --partial or nothing, not {' '.join(arguments)}.")
    if not arguments:
        record_all(product(SEEDS, PRECISIONS))
    runs = recorded()
    if not runs:
        give_up(f"{FOLDER}: no recording is there yet. Without --partial this program makes them.")
    replay_all(runs)
    write_report(runs, ROOT / "docs", complete=len(runs) == len(SEEDS) * len(PRECISIONS))


if __name__ == "__main__":
    main(sys.argv[1:])
