"""What recording costs: time of a training step of the default tiny model, with and without a recorder.

Rounds of `STEPS` steps without a recorder, with one at every step (320 rows, affine field, law of every update) and
with one at every tenth step follow each other in turn, in one process, on the same model; the median over rounds of the
ratio of neighbouring rounds is reported, with its spread. A round ends when its last step ends; what the writer still
does then runs into the next round and counts there, so nothing is hidden. Run on a quiet machine:

    python benchmarks/recorder.py [bf16|fp32] [rounds]
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.nn import functional

from gasfield.recording import Recorder
from gasfield.recording.corpus import tokenize
from gasfield.recording.plan import TrainingPlan
from gasfield.recording.training import Training

STEPS = 30
CONDITIONS = {"every step": 1, "every 10th step": 10}


def train(training: Training, recorder: Recorder | None) -> float:
    """Seconds a step."""
    start = time.perf_counter()
    for _ in range(STEPS):
        tokens, targets = training.batch()
        logits = training.model(tokens).flatten(0, 1).float()
        loss = functional.cross_entropy(logits, targets.flatten())
        training.optimiser.zero_grad()
        loss.backward()
        training.optimiser.step()
        if recorder is not None:
            recorder.step(loss.detach())
    return (time.perf_counter() - start) / STEPS


def main(precision: str = "bf16", rounds: int = 12) -> None:
    """Measures and prints RESULT lines."""
    corpus = tokenize("texts/kjv.txt.xz", 10_000, 3700)
    training = Training(TrainingPlan(precision=precision), corpus)  # type: ignore[arg-type]
    rows = {"dead": corpus.dead_ids[:288], "live": 32}
    plain: list[float] = []
    ratios: dict[str, list[float]] = {name: [] for name in CONDITIONS}
    train(training, None)
    with TemporaryDirectory() as folder:
        for turn in range(rounds):
            for name, every in CONDITIONS.items():
                before = train(training, None)
                path = Path(folder) / f"{turn}-{every}.h5"
                with Recorder(training.model, path, rows=rows, every=every, optimizer=training.optimiser) as recorder:
                    train(training, recorder)
                    during = train(training, recorder)
                after = train(training, None)
                plain += [before, after]
                ratios[name].append(during / (0.5 * (before + after)))
    print(
        f"RESULT step without {statistics.median(plain) * 1e3:.1f} ms ({precision}, {torch.get_num_threads()} threads)"
    )
    for name, values in ratios.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(f"RESULT {name}: {middle - 1:+.1%} (quartiles {low - 1:+.1%}, {high - 1:+.1%}; {rounds} rounds)")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]))
