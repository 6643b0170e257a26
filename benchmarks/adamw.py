"""Steps of AdamW with gasfield: `python -m benchmarks.adamw ROWS COLUMNS THREADS float32|mixed|bfloat16`.

GB/s of the bytes that must move: weight, m and v of an element are read and written and its gradient is read, 28 bytes
in float32. `mixed` has bfloat16 weights and float32 moments; in `bfloat16` every operation is rounded.
"""

from __future__ import annotations

import sys
from itertools import count

import numpy as np

from benchmarks.timing import about, median_time, report, set_threads
from gasfield.dynamics.adamw import AdamW
from gasfield.kernels.bfloat16 import round_to_bfloat16

ELEMENT_BYTES = 28


def main(rows: int, columns: int, threads: int, precision: str) -> None:
    """Times the update of all rows, gradients given."""
    set_threads(threads)
    law = AdamW.model_validate(
        {
            "learning_rate": 1e-3,
            "weight_decay": 0.01,
            "weight_dtype": "float32" if precision == "float32" else "bfloat16",
            "moment_dtype": "bfloat16" if precision == "bfloat16" else "float32",
        }
    )
    chance = np.random.default_rng(0)
    weights = chance.standard_normal((rows, columns), np.float32)
    gradient = np.float32(1e-2) * chance.standard_normal((rows, columns), np.float32)
    if precision != "float32":
        weights, gradient = round_to_bfloat16(weights), round_to_bfloat16(gradient)
    moments = law.start(weights)
    steps = count(1)
    seconds = median_time(lambda: law.update(weights, gradient, moments, next(steps)))
    report(f"gasfield AdamW {precision}", f"{rows}x{columns}", weights.size * ELEMENT_BYTES / seconds / 1e9, "GB/s")
    about("gasfield", "numba", "numpy", threads=threads)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
