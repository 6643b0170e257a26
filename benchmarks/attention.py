"""Softmax attention of N tokens in D dimensions, one head: ours, PyTorch's and JAX's, in GFLOP/s of 4 N^2 D.

    python benchmarks/attention.py gasfield THREADS [N D]     the force in both precisions, and steps of a simulation
    python benchmarks/attention.py torch THREADS [N D]        scaled_dot_product_attention in both
    python benchmarks/attention.py jax THREADS [N D]          1,024 queries at a time, in both
    python benchmarks/attention.py memory THREADS [N D]       ours: most memory above positions and forces, in MB

Queries, keys and values are the tokens, and beta is 1/sqrt(D). A process times one of them only, since thread pools
fight. Run them in turn and compare medians; only the ratio carries over to another machine. Each line has the largest
error, beside a softmax in float64, of some rows.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

for setting in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # either would slow the OpenBLAS of a peer
    os.environ.pop(setting, None)

import numpy as np  # noqa: E402

ROUNDS = 7
CHUNK = 1024


def tokens(count: int, dimensions: int) -> np.ndarray:
    """Tokens (N, D), normally distributed."""
    return np.random.default_rng(0).standard_normal((count, dimensions))


def error(x: np.ndarray, means: np.ndarray) -> float:
    """The largest error of some rows of the means (N, D)."""
    rows = slice(None, None, max(1, len(x) // 16))
    scores = x[rows] @ x.T / np.sqrt(x.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return float(np.abs(means[rows] - weights @ x / weights.sum(axis=1, keepdims=True)).max())


def report(name: str, x: np.ndarray, attend: Callable[[], Any]) -> None:
    """Prints one RESULT line: the median over rounds, after two that do not count."""
    times = []
    for _ in range(ROUNDS + 2):
        start = time.perf_counter()
        means = attend()
        times.append(time.perf_counter() - start)
    (count, dimensions), middle = x.shape, median(times[2:])
    speed = 4 * count**2 * dimensions / middle / 1e9
    off = "" if means is None else f" error {error(x, np.asarray(means, np.float64)):.1e}"
    print(f"RESULT|{name}|{count}x{dimensions}|{speed:.4g}|GFLOP/s|{1e3 * middle:.3g} ms{off}", flush=True)


def blas_cores() -> str:
    """The BLAS libraries of this process and the processor that each was chosen for."""
    from threadpoolctl import threadpool_info

    found = {f"{pool['internal_api']} {pool.get('architecture', '')}" for pool in threadpool_info()}
    return ", ".join(sorted(found)) or "none"


def time_gasfield(threads: int, x: np.ndarray) -> None:
    """The force on a gas, and steps of Euler on the sphere."""
    import numba

    from gasfield.forces.attention.attention import AttentionForce
    from gasfield.forces.attention.heads import HeadArrays
    from gasfield.gas import Gas
    from gasfield.simulation import Simulation

    numba.set_num_threads(threads)
    gas, beta = Gas(x), 1 / np.sqrt(x.shape[1])
    for precision in ("float32", "float64"):
        law = AttentionForce(True, beta, [HeadArrays()], precision=precision)

        def attend(law: AttentionForce = law) -> np.ndarray:
            force = np.zeros(x.shape)
            law.add(gas, force)
            return force

        report(f"gasfield {precision}, threads={threads}", x, attend)
    system = Simulation(
        x / np.linalg.norm(x, axis=1, keepdims=True),
        dynamics={"kind": "advection", "time_step": 0.01, "scheme": "euler"},
        forces=[{"kind": "attention", "beta": 1.0}],
        space={"kind": "sphere", "dimensions": x.shape[1]},
        seed=1,
    )
    report(f"gasfield simulation float64, threads={threads}", x, lambda: system.step(1) and None)


def time_torch(threads: int, x: np.ndarray) -> None:
    """The peer."""
    import torch

    torch.set_num_threads(threads)
    attend = torch.nn.functional.scaled_dot_product_attention
    for kind in (torch.float32, torch.float64):
        rows = torch.from_numpy(x).to(kind)[None, None]
        with torch.no_grad():
            report(f"torch {str(kind)[6:]}, threads={threads}", x, lambda q=rows: attend(q, q, q)[0, 0].numpy())


def time_jax(threads: int, x: np.ndarray) -> None:
    """The other peer, written for its compiler. Its threads are those of the processors that the process may use."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    @jax.jit
    def attend(rows: Any) -> Any:
        def some(queries: Any) -> Any:
            scores = queries @ rows.T / jnp.sqrt(jnp.asarray(x.shape[1], rows.dtype))
            weights = jnp.exp(scores - scores.max(-1, keepdims=True))
            return (weights @ rows) / weights.sum(-1, keepdims=True)

        return jax.lax.map(some, rows.reshape(-1, min(CHUNK, len(x)), x.shape[1])).reshape(x.shape)

    for kind in (jnp.float32, jnp.float64):
        rows = jnp.asarray(x, kind)
        name = f"jax {rows.dtype}, threads={threads}"
        report(name, x, lambda rows=rows: attend(rows).block_until_ready())


def resident() -> int:
    """Bytes of memory that the process holds now."""
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()


def measure_memory(threads: int, x: np.ndarray) -> None:
    """The most memory of one call above positions and forces. A small call has compiled the kernel before."""
    import numba

    from gasfield.forces.attention.attention import AttentionForce
    from gasfield.forces.attention.heads import HeadArrays
    from gasfield.gas import Gas

    numba.set_num_threads(threads)
    for precision in ("float32", "float64"):  # the later one needs more, so that its peak is that of the process
        law, force = (
            AttentionForce(True, 1 / np.sqrt(x.shape[1]), [HeadArrays()], precision=precision),
            np.ones(x.shape),
        )
        law.add(Gas(x[:200].copy()), np.zeros((200, x.shape[1])))
        gas, before, start = Gas(x), resident(), time.perf_counter()
        law.add(gas, force)
        took, peak = time.perf_counter() - start, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"RESULT|gasfield {precision} memory|{len(x)}x{x.shape[1]}|{peak / 1e6:.4g}|MB|{took:.3g} s", flush=True)


if __name__ == "__main__":
    count, dimensions = map(int, sys.argv[3:5] or (4096, 64))
    work = {"gasfield": time_gasfield, "torch": time_torch, "jax": time_jax, "memory": measure_memory}[sys.argv[1]]
    work(int(sys.argv[2]), tokens(count, dimensions))
    print(f"BLAS: {blas_cores()}" if sys.argv[1] != "jax" else "BLAS: none, compiled by XLA")
