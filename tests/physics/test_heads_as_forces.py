"""Force fields of attention heads: exact Jacobians, known matrices, and a classification that shuffled heads fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gasfield.diagnostics.depth.head_classes import classified, thresholds
from gasfield.diagnostics.depth.head_field import (
    Field,
    explained_by_distance,
    permuted_keys,
    turned,
    uniformity,
)
from gasfield.diagnostics.depth.head_properties import sight, tables
from gasfield.diagnostics.depth.head_weights import Head, Product, heads_of, partner
from gasfield.transformer import MLP, Layer, Norm, Rotary

D, SIZE, HEADS, GROUPS, TOKENS = 24, 6, 4, 2, 40
CHANCE = np.random.default_rng(3)


def normal(*shape: int) -> np.ndarray:
    """Standard normal float32."""
    return CHANCE.standard_normal(shape).astype(np.float32)


def layer(**changes: object) -> Layer:
    """A layer with random weights, of two keys for four heads."""
    weight = 1.0 + 0.2 * normal(D)
    norm = Norm("rms", weight, None, 1e-5)
    mlp = MLP("silu", normal(8, D), normal(8, D), normal(D, 8))
    found = Layer(
        norm, norm, normal(HEADS, SIZE, D), normal(GROUPS, SIZE, D), normal(GROUPS, SIZE, D), normal(HEADS, D, SIZE),
        mlp, scale=SIZE**-0.5, rotary=Rotary(np.array([1.0, 0.1, 0.01], np.float32)),
    )  # fmt: skip
    return replace(found, **changes)  # type: ignore[arg-type]


def seen(of: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Normalised tokens (S, D) and attention weights (H, S, S)."""
    found = sight(of, normal(TOKENS, D), np.zeros(TOKENS, bool))
    return found.x, found.weights


# --- the field --------------------------------------------------------------------------------------------------------


def force(of: Layer, head: Head, x: np.ndarray, place: int, probe: np.ndarray) -> np.ndarray:
    """On a test particle at a place of the stream, in the place of a token of the text: written from the definition."""
    places = np.arange(place + 1)
    keys = turned(of, x[: place + 1] @ head.key.T + head.key_offset, places)
    query = turned(of, (head.query @ probe)[None], np.array([place]))[0]
    scores = of.scale * keys @ query
    weights = np.exp(scores - scores.max())
    found: np.ndarray = head.output @ (weights / weights.sum() @ (x[: place + 1] @ head.value.T + head.value_offset))
    return found


BIASED = {"key_bias": normal(GROUPS, SIZE), "value_bias": normal(GROUPS, SIZE)}


@pytest.mark.parametrize("biases", [{}, BIASED], ids=["plain", "biased"])
def test_jacobian_of_the_force_is_that_of_differences(biases: dict[str, np.ndarray]) -> None:
    """A bias of the keys is turned with them, so that it does not cancel."""
    of = layer(**biases)
    x, weights = seen(of)
    head, place, step = heads_of(of)[1], 30, 1e-6
    found = Field(of, head, x).jacobian(weights[1, place], place)
    rows = [
        (force(of, head, x, place, x[place] + e) - force(of, head, x, place, x[place] - e)) / (2 * step)
        for e in step * np.eye(D)
    ]
    known = np.array(rows).T
    np.testing.assert_allclose(found.matrix, known, atol=1e-5 * np.abs(known).max())
    assert found.divergence == pytest.approx(np.trace(known) / np.linalg.norm(known), abs=1e-5)
    symmetric = 0.5 * (known + known.T)
    assert found.symmetry == pytest.approx(np.sum(symmetric**2) / np.sum(known**2), abs=1e-5)
    wrong = Field(of, heads_of(of)[2], x).jacobian(weights[1, place], place).matrix
    assert np.abs(wrong - known).max() > 0.1 * np.abs(known).max()


def test_the_mathematicians_model_climbs_its_scores() -> None:
    """O V = Q^T K, without rotary positions: the field is the gradient of a logarithm of a sum of exponentials, which
    is convex: its Jacobian is symmetric and its divergence positive. With O V = -Q^T K it converges."""
    of = layer(rotary=None)
    head = heads_of(of)[0]
    x, weights = seen(of)
    climbing = replace(head, value=head.key, output=head.query.T)
    up = Field(of, climbing, x).jacobian(weights[0, 20], 20)
    down = Field(of, replace(climbing, output=-climbing.output), x).jacobian(weights[0, 20], 20)
    assert up.symmetry == pytest.approx(1.0, abs=1e-12)
    assert up.divergence > 0.1
    assert down.divergence == pytest.approx(-up.divergence, abs=1e-12)
    assert Field(of, head, x).jacobian(weights[0, 20], 20).symmetry < 0.8


# --- the weights ------------------------------------------------------------------------------------------------------


def test_products_are_those_of_the_matrices() -> None:
    left, right = CHANCE.standard_normal((2, SIZE, D))
    one, matrix = Product(left, right), left.T @ right
    assert one.inner(one) == pytest.approx(np.sum(matrix**2))
    assert one.symmetry == pytest.approx(np.sum((matrix + matrix.T) ** 2) / (4 * np.sum(matrix**2)))
    assert one.cosine(one.transposed) == pytest.approx(np.sum(matrix * matrix.T) / np.sum(matrix**2))
    assert Product(left, left).symmetry == pytest.approx(1.0)
    assert Product(left, left).sign == pytest.approx(1.0)
    assert Product(left, -left).sign == pytest.approx(-1.0)
    eigenvalues = np.linalg.eigvals(matrix)
    assert one.sign == pytest.approx(eigenvalues.real.sum() / np.abs(eigenvalues).sum(), abs=1e-8)


def test_random_matrices_are_neither_symmetric_nor_signed() -> None:
    """Symmetric share (1 + 1/D)/2, since <A, A^T> of a product of Gaussian factors has the mean |A|^2/D, and sign 0,
    within four standard errors over 400 matrices; half of 1 alone is not the mean of the shares."""
    found = [Product(*CHANCE.standard_normal((2, SIZE, D))) for _ in range(400)]
    for values, mean in (([p.symmetry for p in found], 0.5 + 0.5 / D), ([p.sign for p in found], 0.0)):
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        assert abs(np.mean(values) - mean) < 4.0 * error
    assert abs(np.mean([p.symmetry for p in found]) - 0.5) > 0.01


def test_the_partner_of_a_head_has_another_key() -> None:
    heads = heads_of(layer())
    assert all(partner(heads, h).group != heads[h].group for h in range(HEADS))
    alone = heads_of(replace(layer(), key=normal(1, SIZE, D), value=normal(1, SIZE, D)))
    assert partner(alone, 3) is alone[0]


@pytest.mark.parametrize(("count", "groups"), [(14, 2), (4, 2), (9, 3), (4, 4), (3, 1), (2, 2)])
def test_no_head_is_its_own_partner(count: int, groups: int) -> None:
    weights = {"key": normal(groups, SIZE, D), "value": normal(groups, SIZE, D)}
    heads = heads_of(replace(layer(), query=normal(count, SIZE, D), output=normal(count, D, SIZE), **weights))
    for h in range(count):
        both = [partner(heads, h, turn) for turn in (1, 2)]
        assert all(each is not heads[h] for each in both)
        assert both[0] is not both[1] or count == 2
        assert groups == 1 or all(each.group != heads[h].group for each in both)


# --- direction and distance -------------------------------------------------------------------------------------------


def test_a_field_of_one_direction_is_uniform() -> None:
    charges = CHANCE.standard_normal(50)
    assert uniformity(np.outer(charges, np.ones(D))) == pytest.approx(1.0)
    assert uniformity(CHANCE.standard_normal((5000, 10))) == pytest.approx(0.1, abs=0.02)


def test_attention_to_a_fixed_distance_is_explained_by_it() -> None:
    kept = np.ones(TOKENS, bool)
    band = np.eye(TOKENS, k=-1) * 0.8 + np.eye(TOKENS) * 0.2
    assert explained_by_distance(band, kept) == pytest.approx(1.0)
    assert explained_by_distance(permuted_keys(band, CHANCE), kept) < 0.2
    to_one = np.zeros((TOKENS, TOKENS))
    to_one[:, 12] = 1.0  # a token to which all attend: no matter of distance
    assert explained_by_distance(np.tril(to_one), kept) < 0.2


# --- classes ----------------------------------------------------------------------------------------------------------


def model(planted: bool) -> tuple[Layer, ...]:
    """Six layers; in each, if planted, head 0 drives back what is displaced, and attends to the token before."""
    layers = []
    for _ in range(6):
        own = {name: normal(HEADS, SIZE, D) for name in ("query", "key", "value")}
        of = layer(rotary=None, **own | {"query": 0.3 * own["query"]})  # attention on several tokens
        if planted:
            weight = of.before_attention.weight
            for array, rows in ((of.value, of.key[0]), (of.output, -(of.query[0] * weight).T)):
                array[0] = rows
        layers.append(of)
    return tuple(layers)


@pytest.mark.parametrize("planted", [True, False])
def test_planted_wells_are_found_and_random_heads_are_not(planted: bool) -> None:
    """Heads with O V = -Q^T K converge and have a symmetric Jacobian. Random ones pass the thresholds of shuffled heads
    as often as chance allows: 24 heads, of which one in a hundred of the null exceeds each of two thresholds."""
    streams = [normal(TOKENS, D) for _ in range(6)]
    found = tables(model(planted), lambda number: streams[number], np.zeros(TOKENS, bool))
    flags = classified(found.found, thresholds(found.null))
    control = classified(found.control, thresholds(found.null))
    assert flags["well"][:, 0].all() == planted
    assert flags["well"][:, 1:].sum() <= 1
    assert control["well"].sum() <= 1
    assert not flags["constraint"].any()
