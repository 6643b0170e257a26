"""Tokens drawn from one law of 49,152 tokens, in millions per second: ours, NumPy's and PyTorch's, side by side.

    python benchmarks/token_draws.py [THREADS ...]      numbers of threads for ours, 1 and 2 if none is named

Ours gives ids (`draw`) or only their histogram (`count`), from tables made before; Gumbel-max takes 49,152 logarithms a
draw. `words` is the generator alone, which nothing that takes a 64-bit word of Philox4x32-10 for a draw can beat.
`numpy choice` searches the cumulative law; `numpy multinomial` draws a histogram by binomials without any draw of a
token, in O(V) for any number of draws. All take turns within a round; medians over rounds are compared.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import numba
import numpy as np

from gasfield.kernels.philox import philox
from gasfield.sampling.draws import AliasTable, gumbel_draws

STATES, ROUNDS = 49_152, 7


@numba.njit(parallel=True)
def words(blocks: int, step: int) -> int:
    """The exclusive or of the words of so many blocks, so that none is optimised away."""
    low, zero = np.uint64(0xFFFFFFFF), np.uint64(0)
    found = np.zeros(64, np.uint64)
    for task in numba.prange(64):
        mixed = zero
        for i in range(np.int64(task), blocks, 64):
            one, two = philox(np.uint64(i) & low, np.uint64(i) >> np.uint64(32), np.uint64(step), zero, zero, zero)
            mixed ^= one ^ two
        found[task] = mixed
    return found[0]


def on(threads: int, draw: Callable[[int], object]) -> Callable[[int], object]:
    """The same on so many threads."""

    def run(step: int) -> object:
        numba.set_num_threads(threads)
        return draw(step)

    return run


def peers(law: np.ndarray, threads_of_ours: list[int]) -> dict[str, tuple[int, Callable[[int], object]]]:
    """Name -> how many tokens one call draws, and the call."""
    table, logits = AliasTable(law), np.log(law)
    found: dict[str, tuple[int, Callable[[int], object]]] = {}
    for threads in threads_of_ours:
        found[f"gasfield count, threads={threads}"] = (
            10**8, on(threads, lambda step: table.count(10**8, step=step))
        )  # fmt: skip
        found[f"gasfield draw, threads={threads}"] = 10**8, on(threads, lambda step: table.draw(10**8, step=step))
        found[f"gasfield gumbel, threads={threads}"] = (
            500,
            on(threads, lambda step: gumbel_draws(logits, 500, step=step)),
        )
        found[f"words, threads={threads}"] = 10**8, on(threads, lambda step: words(10**8 // 2, step))
    chance = np.random.default_rng(0)
    found["numpy choice"] = 10**6, lambda step: chance.choice(STATES, 10**6, p=law)
    found["numpy multinomial"] = 10**8, lambda step: chance.multinomial(10**8, law)
    try:
        import torch
    except ImportError:
        return found
    weights = torch.from_numpy(law)
    found["torch multinomial"] = 10**6, lambda step: torch.multinomial(weights, 10**6, replacement=True)
    return found


def main(threads_of_ours: list[int]) -> None:
    """Prints a RESULT line for each peer."""
    law = np.arange(1, STATES + 1) ** -1.1
    found = peers(np.random.default_rng(0).permutation(law / law.sum()), threads_of_ours)
    times: dict[str, list[float]] = {name: [] for name in found}
    for step in range(ROUNDS + 1):
        for name, (_, draw) in found.items():
            start = time.perf_counter()
            draw(step)
            times[name].append(time.perf_counter() - start)
    for name, (count, _) in found.items():
        print(f"RESULT|{name}|{STATES} tokens|{count / median(times[name][1:]) / 1e6:.4g}|M/s", flush=True)


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or [1, 2])
