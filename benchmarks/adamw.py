"""AdamW on a 50,000 x 512 matrix: ours and PyTorch's fused step, in GB/s of the bytes that must move.

    python benchmarks/adamw.py gasfield THREADS     float32, then bfloat16 weights with float32 state, then all bfloat16
    python benchmarks/adamw.py torch THREADS        the peer: fused float32; fused float32 and a copy to bfloat16

A process times one of the two only, since thread pools fight. Run them in turn and compare medians; only the ratio
carries over to another machine. An element moves 28 bytes: weight, m and v are read and written, the gradient is read.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np

ROWS, COLUMNS = 50_000, 512
ROUNDS = 9
ELEMENT_BYTES = 28


def report(name: str, step: Callable[[], None]) -> None:
    """Prints one RESULT line: the median over rounds, after two that do not count."""
    times = []
    for _ in range(ROUNDS + 2):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    speed = ROWS * COLUMNS * ELEMENT_BYTES / median(times[2:]) / 1e9
    print(f"RESULT|{name}|{ROWS}x{COLUMNS}|{speed:.4g}|GB/s", flush=True)


def time_gasfield(threads: int) -> None:
    """Our kernel, every precision."""
    import numba

    from gasfield.dynamics.adamw import AdamW, adamw_step
    from gasfield.kernels.bfloat16 import round_to_bfloat16

    numba.set_num_threads(threads)
    chance = np.random.default_rng(0)
    for weights, state in (("float32", "float32"), ("bfloat16", "float32"), ("bfloat16", "bfloat16")):
        law = AdamW.model_validate(
            {"learning_rate": 1e-3, "weight_decay": 0.01, "weight_dtype": weights, "moment_dtype": state}
        )
        positions = round_to_bfloat16(chance.standard_normal((ROWS, COLUMNS), np.float32))
        gradient = round_to_bfloat16(1e-2 * chance.standard_normal((ROWS, COLUMNS), np.float32))
        first, second = np.zeros_like(positions), np.zeros_like(positions)
        count = iter(range(1, 1000))
        report(
            f"gasfield {weights} weights, {state} state, threads={threads}",
            lambda w=positions, g=gradient, m=first, v=second, t=count, law=law: adamw_step(w, g, m, v, next(t), law),
        )


def time_torch(threads: int) -> None:
    """The peer."""
    import torch

    torch.set_num_threads(threads)
    parameter = torch.nn.Parameter(torch.randn(ROWS, COLUMNS))
    parameter.grad = torch.randn(ROWS, COLUMNS) * 1e-2
    optimiser = torch.optim.AdamW([parameter], lr=1e-3, weight_decay=0.01, fused=True)
    rounded = torch.empty(ROWS, COLUMNS, dtype=torch.bfloat16)

    def step_and_copy() -> None:
        optimiser.step()
        rounded.copy_(parameter.detach())

    report(f"torch fused float32, threads={threads}", lambda: optimiser.step() and None)
    report(f"torch fused float32 and a copy to bfloat16, threads={threads}", step_and_copy)


if __name__ == "__main__":
    {"gasfield": time_gasfield, "torch": time_torch}[sys.argv[1]](int(sys.argv[2]))
