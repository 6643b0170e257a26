"""Recording at the size of GPT-2's vocabulary: 50,257 tokens in 256 dimensions, on a CPU.

Trains a two-layer transformer on random text in which token frequencies follow Zipf's law and a tenth of the vocabulary
never occurs; 320 rows and the affine field at every step. Prints what a step costs with and without the recorder, the
memory, the size of the file, and how well the recorded field explains the gradients.

    python benchmarks/large_vocabulary.py [bf16|fp32] [steps]
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch.nn import functional

import gasfield
from gasfield.recording import Recorder
from gasfield.recording.model import TinyLanguageModel
from gasfield.recording.plan import Geometry

VOCABULARY, DIMENSIONS, BATCH, SEQUENCE = 50_257, 256, 8, 64
GEOMETRY = Geometry(
    vocabulary=VOCABULARY, dimensions=DIMENSIONS, layers=2, heads=4, feed_forward=1024, sequence=SEQUENCE
)


def main(precision: str = "bf16", steps: int = 40) -> None:
    """Trains, half of the steps without and half with a recorder, by turns of ten."""
    chance = np.random.default_rng(0)
    order = chance.permutation(VOCABULARY)
    dead, live = order[: VOCABULARY // 10], order[VOCABULARY // 10 :]
    frequency = 1 / (np.arange(len(live)) + 10.0)
    frequency /= frequency.sum()
    model = TinyLanguageModel(GEOMETRY, seed=1)
    if precision == "bf16":
        model.to(torch.bfloat16)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)

    def train(count: int, recorder: Recorder | None) -> float:
        start = time.perf_counter()
        for _ in range(count):
            ids = torch.from_numpy(chance.choice(live, (BATCH, SEQUENCE + 1), p=frequency))
            logits = model(ids[:, :-1]).flatten(0, 1).float()
            loss = functional.cross_entropy(logits, ids[:, 1:].flatten())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if recorder is not None:
                recorder.step(loss.detach())
        return (time.perf_counter() - start) / count

    with TemporaryDirectory() as folder:
        path = Path(folder) / "large.h5"
        train(3, None)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        plain, recorded = [], []
        plain.append(train(steps // 2, None))
        with Recorder(model, path, rows={"dead": 288, "live": 32}, dead=dead, survey_steps=[0]) as recorder:
            recorded.append(train(steps, recorder))
        plain.append(train(steps // 2, None))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        without, with_it = statistics.mean(plain), statistics.mean(recorded)
        print(f"RESULT|step|{without * 1e3:.0f} ms without, {with_it * 1e3:.0f} ms with ({with_it / without - 1:+.1%})")
        print(f"RESULT|memory|{before:.0f} MB before, {after:.0f} MB at most with the recorder")
        print(f"RESULT|file|{path.stat().st_size / 1e6:.1f} MB for {steps} steps, survey of {len(dead)} rows included")
        with gasfield.open(path) as recording:
            error = recording.observable("field_error").values
            print(f"RESULT|field|off by {np.median(error):.2g} of the gradient (worst step {error.max():.2g})")
            print(repr(recording).replace(str(path), path.name))


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]))
