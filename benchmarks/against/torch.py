"""PyTorch on the CPU: `python -m benchmarks.against.torch attention N D THREADS`, `... adamw ROWS COLUMNS THREADS` or
`... adamw-copy ROWS COLUMNS THREADS` (the latter with a copy of the weights to bfloat16 after each step)."""

from __future__ import annotations

import sys

import torch

from benchmarks.problems import queries
from benchmarks.timing import about, median_time, report

ELEMENT_BYTES = 28


def attention(count: int, dimensions: int) -> None:
    """Fused attention of one head, without a mask."""
    query, key, value = (torch.from_numpy(array)[None, None] for array in queries(count, dimensions))
    with torch.no_grad():
        seconds = median_time(lambda: torch.nn.functional.scaled_dot_product_attention(query, key, value))
    speed = 4 * count**2 * dimensions / seconds / 1e9
    report("torch attention float32", f"N={count} D={dimensions}", speed, "GFLOP/s")


def adamw(rows: int, columns: int, copies: bool) -> None:
    """The fused step; with `copies`, the weights are then rounded into a bfloat16 array."""
    parameter = torch.nn.Parameter(torch.randn(rows, columns))
    parameter.grad = torch.randn(rows, columns) * 1e-2
    optimiser = torch.optim.AdamW([parameter], lr=1e-3, weight_decay=0.01, fused=True)
    rounded = torch.empty(rows, columns, dtype=torch.bfloat16) if copies else None

    def step() -> None:
        optimiser.step()
        if rounded is not None:
            rounded.copy_(parameter.detach())

    speed = rows * columns * ELEMENT_BYTES / median_time(step) / 1e9
    report(f"torch AdamW fused{' and a copy' if copies else ''}", f"{rows}x{columns}", speed, "GB/s")


def main(subject: str, first: int, second: int, threads: int) -> None:
    """Times one subject."""
    torch.set_num_threads(threads)
    if subject == "attention":
        attention(first, second)
    else:
        adamw(first, second, subject == "adamw-copy")
    about("torch", threads=threads, more=f"CPU capability {torch.backends.cpu.get_cpu_capability()}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
