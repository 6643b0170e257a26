"""Lyapunov exponents over depth: exact laws of the spectrum, of its normalised form and of the statistics about it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_streams import LAST, LAYERS, WIDTH, host, model  # noqa: E402

from gasfield.tracing.expansion import (  # noqa: E402
    averaged,
    mean_stretch,
    overlap,
    rank_correlation,
    unembedding_axes,
)
from gasfield.tracing.exponents import is_centred, spectrum, stretches  # noqa: E402
from gasfield.tracing.jacobian import jacobian  # noqa: E402


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt_neox, parallel"])
def test_the_spectrum_is_that_of_the_jacobian(kind: str) -> None:
    """Singular values of the product are those of the whole; log |det| is the sum of all growth, whatever the basis."""
    text = host(kind, double=True)
    found = spectrum(text, LAST, leading=3)
    for frame in (2, 2 * LAYERS):
        whole = jacobian(text, LAST, frame).numpy()
        sizes = np.linalg.svd(whole, compute_uv=False)
        np.testing.assert_allclose(found.at[frame].raw, np.log(sizes), atol=1e-6)
        steps = int(np.searchsorted(found.frames, frame))
        assert found.growth[:steps].sum() == pytest.approx(np.linalg.slogdet(whole)[1], abs=1e-5)
        ends = found.at[frame].directions * sizes[:3]
        np.testing.assert_allclose(whole @ found.at[frame].origins, ends, atol=1e-5 * sizes[0])
        np.testing.assert_allclose(found.exponents(frame) * frame / 2, np.log(sizes), atol=1e-6)
    another = spectrum(text, LAST, seed=1)
    np.testing.assert_allclose(another.growth.sum(), found.growth.sum(), rtol=1e-6, atol=1e-5)
    assert not np.allclose(another.growth[0], found.growth[0])


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_the_normalised_spectrum_is_that_of_the_map_between_normalised_states(kind: str) -> None:
    """By finite differences of y = (x - m)/r at both ends, with the norm and the mean at the start held fixed."""
    text, centred = host(kind, double=True), is_centred(model(kind))
    assert centred == (kind == "gpt2")
    start, end = (text.stream[frame][LAST].double().numpy() for frame in (0, 2 * LAYERS))
    whole = jacobian(text, LAST, 2 * LAYERS).double().numpy()

    def seen(x: np.ndarray) -> np.ndarray:
        around = x - x.mean() if centred else x
        return around / np.sqrt(np.mean(around**2))

    def derivative(x: np.ndarray) -> np.ndarray:
        steps = 1e-6 * np.eye(WIDTH)
        return np.array([(seen(x + step) - seen(x - step)) / 2e-6 for step in steps]).T

    by_hand = derivative(end) @ whole @ np.linalg.pinv(derivative(start), rcond=1e-6)
    hidden = 2 if centred else 1
    expected = np.log(np.linalg.svd(by_hand, compute_uv=False)[: WIDTH - hidden])
    found = spectrum(text, LAST).at[2 * LAYERS]
    np.testing.assert_allclose(found.normalised, expected, atol=1e-4)
    size = [np.sqrt(np.mean((x - x.mean() * centred) ** 2)) for x in (start, end)]
    shifted = found.raw - np.log(size[1] / size[0])
    assert (found.normalised <= shifted[: WIDTH - hidden] + 1e-9).all()
    assert (found.normalised[: WIDTH - 2 * hidden] >= shifted[2 * hidden :] - 1e-9).all()


def test_a_uniform_dilation_is_no_deformation_of_the_normalised_stream() -> None:
    state = torch.arange(1.0, 9.0, dtype=torch.float64)
    found = stretches(3 * torch.eye(8, dtype=torch.float64), state, 3 * state, centred=False, leading=2)
    np.testing.assert_allclose(found.raw, np.log(3), rtol=1e-12)
    np.testing.assert_allclose(found.normalised, 0, atol=1e-12)


def test_random_tangents_give_the_mean_square_of_the_singular_values() -> None:
    """For n = 1,000 tangents in D = 16 the relative error of the mean square is at most sqrt(2 D/n)."""
    text = host("llama")
    raw, seen = mean_stretch(text, 1000)
    exact = spectrum(text, LAST).at[2 * LAYERS]
    by_law = np.log(np.mean(np.exp(2 * exact.raw))) / 2
    assert raw[-1, LAST] == pytest.approx(by_law, abs=4 * np.sqrt(2 * WIDTH / 1000) / 2)
    hidden = np.log(np.mean(np.exp(2 * exact.normalised))) / 2
    assert seen[-1, LAST] == pytest.approx(hidden, abs=0.15)  # of all of x_0, the normalised start lacks its own axis
    np.testing.assert_allclose(raw[0], 0, atol=1e-6)
    np.testing.assert_allclose(seen[0], 0, atol=1e-12)


def test_overlap_of_random_directions_has_the_mean_and_spread_of_the_haar_measure() -> None:
    random = np.random.default_rng(0)
    basis = np.eye(12)[:, :4]
    draws = [np.linalg.qr(random.standard_normal((12, 3)))[0] for _ in range(2000)]
    found = [overlap(each, basis) for each in draws]
    values = np.array([each.value for each in found])
    assert values.mean() == pytest.approx(found[0].null, abs=4 * found[0].spread / np.sqrt(2000))
    assert values.std() == pytest.approx(found[0].spread, rel=4 / np.sqrt(2 * 2000))
    assert overlap(basis[:, :2], basis).value == pytest.approx(1)
    assert overlap(np.eye(12)[:, 5:7], basis).value == 0
    assert overlap(basis[:, :2], basis).score > 4


def test_axes_of_the_unembedding_rank_directions_by_what_they_change() -> None:
    axes, sizes = unembedding_axes(model("gpt2"))
    np.testing.assert_allclose(axes.T @ axes, np.eye(WIDTH), atol=1e-12)
    assert (np.diff(sizes) <= 1e-12).all()
    assert sizes[-1] < 1e-6 * sizes[0]  # equal numbers, which layer normalisation removes
    weights = (model("gpt2").unembedding.weight * model("gpt2").final.weight).detach().double().numpy()
    weights = weights - weights.mean(axis=0)
    along = weights @ axes[:, 0]
    assert np.linalg.norm(along) == pytest.approx(sizes[0], rel=1e-6)


def test_rank_correlation_finds_a_monotone_law_and_nothing_in_noise() -> None:
    random = np.random.default_rng(1)
    texts = {name: random.standard_normal(40) for name in "abcd"}
    lawful = rank_correlation({name: (x, np.exp(x) + 5 * number) for number, (name, x) in enumerate(texts.items())})
    assert lawful.value == pytest.approx(1)
    assert lawful.p < 0.01
    noise = rank_correlation({name: (x, random.standard_normal(40)) for name, x in texts.items()}, draws=400)
    assert noise.p > 0.01
    assert abs(noise.value) < 4 * noise.null
    assert noise.null == pytest.approx(1 / np.sqrt(39 * 4), rel=0.2)


def test_averages_have_errors_of_texts_and_of_tokens() -> None:
    found = averaged({"a": np.array([[1.0], [3.0]]), "b": np.array([[4.0], [8.0]])})
    assert found.value == pytest.approx([4.0])
    assert found.over_texts == pytest.approx([2.0])
    assert found.over_tokens == pytest.approx([np.sqrt(1 + 4) / 2])
    assert np.isnan(averaged({"a": np.ones((2, 1))}).over_texts).all()
