"""JAX on the CPU (float32, all cores that it may use): `python -m benchmarks.against.jax attention N D` or
`... brownian N`."""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.problems import queries
from benchmarks.timing import about, median_time, report

CHUNK = 1024
STEPS = 20


def attention(count: int, dimensions: int) -> None:
    """Attention of one head, compiled, over chunks of queries."""
    query, key, value = map(jnp.asarray, queries(count, dimensions))
    chunk = min(CHUNK, count)

    @jax.jit
    def felt(query, key, value):  # type: ignore[no-untyped-def]
        def of(part):  # type: ignore[no-untyped-def]
            scores = part @ key.T / np.float32(np.sqrt(dimensions))
            weights = jnp.exp(scores - scores.max(-1, keepdims=True))
            return (weights @ value) / weights.sum(-1, keepdims=True)

        return jax.lax.map(of, query.reshape(-1, chunk, dimensions)).reshape(count, dimensions)

    seconds = median_time(lambda: felt(query, key, value).block_until_ready())
    report("JAX attention float32", f"N={count} D={dimensions}", 4 * count**2 * dimensions / seconds / 1e9, "GFLOP/s")


def brownian(count: int) -> None:
    """Overdamped motion in the double well (x^2 - 1)^2 + y^2/2 at temperature 0.5, with steps of 1e-3."""
    time_step, temperature = np.float32(1e-3), 0.5
    noise = np.float32(np.sqrt(2.0 * temperature * time_step))

    @jax.jit
    def advance(places, key):  # type: ignore[no-untyped-def]
        def step(number, places):  # type: ignore[no-untyped-def]
            force = jnp.stack([-4.0 * places[0] * (places[0] ** 2 - 1.0), -places[1]])
            normals = jax.random.normal(jax.random.fold_in(key, number), (2, count), jnp.float32)
            return places + time_step * force + noise * normals

        return jax.lax.fori_loop(0, STEPS, step, places)

    places, key = jnp.zeros((2, count), jnp.float32), jax.random.key(0)
    seconds = median_time(lambda: advance(places, key).block_until_ready())
    report("JAX brownian float32", f"N={count} D=2", count * STEPS / seconds, "particle-steps/s")


def main(subject: str, *numbers: int) -> None:
    """Times one subject."""
    {"attention": attention, "brownian": brownian}[subject](*numbers)
    about("jax", "jaxlib", "numpy")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
