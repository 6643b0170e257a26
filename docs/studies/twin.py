"""The twin study: dead rows of real trainings under every other law of motion, and real trainings that test it.

Trainings of a small language model in three precisions (three seeds each) are recorded, and all laws are followed in
their fields. Two kinds of real training test the predictions, from the same weights and on the same batches: one in
which parts of the dead rows alone have other laws, and trainings of the whole model under some laws. What is there
already (outputs/twin) is not made again, so that the study can be interrupted. Writes the tables of docs/twin.md (all
below its heading "Tables") and docs/figures/twin.png. Run by `make twin`; with `--partial` it trains nothing and tells
of what is there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from multiprocessing import get_context
from pathlib import Path

ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
os.environ.update(ONE_THREAD)  # before NumPy is loaded: jobs side by side share the cores by themselves

import torch  # noqa: E402
from precision import give_up  # noqa: E402
from precision_replays import fingerprint  # noqa: E402
from twin_clouds import cloud_once  # noqa: E402
from twin_laws import LAWS  # noqa: E402
from twin_measures import REAL, Recorded  # noqa: E402
from twin_report import write_report  # noqa: E402
from twin_training import CHECK_STEPS, MIXED_NAME, PLAN, TRAINED, train  # noqa: E402

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "outputs" / "twin"
SEEDS = (1, 2, 3)
TRAININGS = (*TRAINED, MIXED_NAME)


def recording(law: str, seed: int) -> Path:
    """Where a training is recorded."""
    return FOLDER / f"{law}-seed{seed}.h5"


def train_one(law: str, seed: int) -> str:
    """A training, unless it was done before."""
    torch.set_num_threads(1)
    trained = TRAINED.get(law)
    steps = PLAN.steps if trained is not None and trained.is_field else CHECK_STEPS
    train(recording(law, seed), trained, PLAN.model_copy(update={"seed": seed, "steps": steps}))
    return f"{law}, seed {seed}: trained"


def recorded() -> list[Recorded]:
    """The trainings that are there."""
    there = [(law, seed, recording(law, seed)) for law, seed in product(TRAININGS, SEEDS)]
    return [Recorded(law, seed, path, fingerprint(path)) for law, seed, path in there if path.exists()]


def all_clouds(runs: Iterable[Recorded], pool: ProcessPoolExecutor) -> None:
    """All clouds that are missing."""
    waiting = [
        pool.submit(cloud_once, run.path, run.fingerprint, name, None if name == REAL else LAWS[name], run.seed, rows)
        for run in runs
        for name, rows in run.wanted
    ]
    for done in as_completed(waiting):
        if message := done.result():
            print(message, flush=True)


def main(arguments: list[str]) -> None:
    """Trains what is missing, follows all laws, reports.

    Raises:
        SystemExit: if there is an argument but `--partial`, or nothing was trained yet.
    """
    if arguments not in ([], ["--partial"]):
        give_up(f"twin.py takes --partial or nothing, not {' '.join(arguments)}.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        if not arguments:
            waiting = [pool.submit(train_one, law, seed) for law, seed in product(TRAININGS, SEEDS)]
            for done in as_completed(waiting):
                print(done.result(), flush=True)
        runs = recorded()
        if not any(run.is_field for run in runs):
            give_up(f"{FOLDER}: no recording is there yet. Without --partial this program makes them.")
        all_clouds(runs, pool)
    write_report(runs, ROOT / "docs", complete=len(runs) == len(SEEDS) * len(TRAININGS))


if __name__ == "__main__":
    main(sys.argv[1:])
