"""Routers over experts: identities of their laws, and balance and collapse of scores that adapt to loads."""

from __future__ import annotations

import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.forces import Surroundings, TotalForce
from gasfield.forces.fields.experts import Experts
from gasfield.forces.fields.routers import SigmoidRouter
from gasfield.forces.total import build_force
from gasfield.gas import Gas
from gasfield.sampling.adaptive_routing import AdaptiveScores
from gasfield.spaces import Free
from gasfield.statistics.canonical import canonical
from gasfield.statistics.potts import MeanFieldPotts, coupling, finite_coexistence
from gasfield.statistics.routing import Routing, entropies, occupation, route

SCORES = 2.0 * np.random.default_rng(1).standard_normal((50, 32))
TEMPERATURES = (0.2, 0.5, 1.2)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_softmax_router_is_boltzmann_s_law(temperature: float) -> None:
    """F = U - T S with S and U from the weights, F by the sum over states, S = -dF/dT."""
    weights, step = route(SCORES, temperature), 1e-4 * temperature
    law = canonical(-SCORES, [temperature - step, temperature, temperature + step])
    energy, entropy = -(weights * SCORES).sum(axis=1), entropies(weights)
    np.testing.assert_allclose(law.free_energy[:, 1], energy - temperature * entropy, atol=1e-12)
    slope = (law.free_energy[:, 2] - law.free_energy[:, 0]) / (2 * step)
    np.testing.assert_allclose(entropy, -slope, atol=1e-5)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_sigmoid_router_is_fermi_s_law(temperature: float) -> None:
    """Omega = U - mu N - T S; N = -dOmega/dmu and S = -dOmega/dT."""
    mu, step = 0.7, 1e-5
    here = occupation(SCORES, temperature, mu)
    whole = here.energy - mu * here.number - temperature * here.entropy
    np.testing.assert_allclose(here.grand_potential, whole, atol=1e-11)
    along = [occupation(SCORES, temperature, mu + s).grand_potential for s in (-step, step)]
    warmer = [occupation(SCORES, temperature + s, mu).grand_potential for s in (-step, step)]
    np.testing.assert_allclose(here.number, -(along[1] - along[0]) / (2 * step), atol=1e-6)
    np.testing.assert_allclose(here.entropy, -(warmer[1] - warmer[0]) / (2 * step), atol=1e-5)


def test_the_router_of_lfm2_by_hand() -> None:
    """Sigmoids of 1, 0 and -1 are .7311, .5 and .2689. A bias of .5 brings the last one among the first two; weights
    are its unbiased sigmoid and that of the first, divided by their sum."""
    high, low = 1.0 / (1.0 + np.exp(-1.0)), 1.0 / (1.0 + np.exp(1.0))
    chosen = route([[1.0, 0.0, -1.0]], 1.0, router=SigmoidRouter(bias=(0.0, 0.0, 0.5)), top=2)
    np.testing.assert_allclose(chosen, [[high, 0.0, low]], rtol=1e-12)  # high + low = 1
    plain = route([[1.0, 0.0, -1.0]], 1.0, router=SigmoidRouter(), top=2)
    np.testing.assert_allclose(plain, [[high / (high + 0.5), 0.5 / (high + 0.5), 0.0]], rtol=1e-12)
    np.testing.assert_array_equal(plain, route([[1.0, 0.0, -1.0]], 1.0, router=SigmoidRouter(bias=(0.2,) * 3), top=2))


def test_few_occupied_experts_have_boltzmann_s_weights() -> None:
    """With mu far below all energies n -> exp((mu - E)/T), whose shares are those of softmax, up to the largest n."""
    sparse = route(SCORES, 1.0, router=SigmoidRouter(threshold=-25.0), top=4)
    np.testing.assert_allclose(sparse, route(SCORES, 1.0, top=4), atol=3 * np.exp(SCORES.max() - 25.0))
    dense = route(SCORES, 1.0, router=SigmoidRouter(threshold=0.0), top=4)
    assert np.abs(dense - route(SCORES, 1.0, top=4)).max() > 0.1


def test_a_normalised_sigmoid_does_work_on_a_closed_path_and_declares_it() -> None:
    """Around a circle among three experts; softmax does none, nor does the sigmoid without division."""
    angles = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    circle = 0.8 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.3
    along = 0.8 * np.stack([-np.sin(angles), np.cos(angles)], axis=1) * (2.0 * np.pi / len(angles))
    work = {}
    for name, router in {
        "softmax": {"kind": "softmax"},
        "divided": {"kind": "sigmoid", "threshold": 1.0},
        "independent": {"kind": "sigmoid", "threshold": 1.0, "normalised": False},
    }.items():
        law = Experts(centres=((1.0, 0.0), (-1.0, 0.4), (0.2, 1.5)), top=3, stiffness=2.0, router=router)
        force = build_force(law, Surroundings(Free(dimensions=2)))
        work[name] = float(np.sum(TotalForce([force]).force(Gas(circle)) * along))
        assert force.conservative == (name != "divided")
        assert force.routing(Gas(circle)).sum(axis=1) == pytest.approx(np.ones(len(circle)))
    assert abs(work["softmax"]) < 1e-12
    assert abs(work["independent"]) < 1e-12
    assert abs(work["divided"]) > 0.01


def test_loads_and_entropies_of_weights() -> None:
    """Each token its own expert: nothing is left open, and everything is learned from the token."""
    found = Routing.of(np.eye(4))
    assert found.entropy.value == 0.0
    assert found.load_entropy.value == pytest.approx(np.log(4.0))
    assert found.specialisation.value == pytest.approx(np.log(4.0))
    assert found.heaviest.value == 1.0
    with pytest.raises(InputError, match="sum 1"):
        Routing.of(2.0 * np.eye(4))
    with pytest.raises(InputError, match="33 of 32"):
        route(SCORES, 1.0, top=33)
    with pytest.raises(InputError, match="above zero"):
        route(SCORES, 0.0)


def test_two_experts_part_by_a_pitchfork_at_two_and_more_by_a_jump() -> None:
    """Of two, the share is 1/2 + sqrt(3 (K - 2)/8) just above K = 2; of 32, the numbers are 6.074, 7.097 and 32."""
    two, many = MeanFieldPotts.of(2), MeanFieldPotts.of(32)
    assert two.branches(2.001)["collapsed"] == pytest.approx(0.5 + np.sqrt(3 * 0.001 / 8), abs=1e-4)
    assert "collapsed" not in two.branches(1.999)
    assert many.balance_unstable == 32.0
    assert many.coexistence == pytest.approx(7.0969, abs=1e-4)
    assert many.collapse_unstable == pytest.approx(6.0743, abs=1e-4)
    assert many.free_energy(31 / 32, many.coexistence) == pytest.approx(0.0, abs=1e-12)
    for name, share in many.branches(7.0).items():  # p ~ exp(K p)
        others = (1.0 - share) / 31
        assert share / others == pytest.approx(np.exp(7.0 * (share - others)), rel=1e-8), name
    assert coupling(1 / 32, 32) == 32.0
    assert MeanFieldPotts.of(64).branches(64.0)["collapsed"] == pytest.approx(1.0, abs=1e-15)


def test_exact_sums_over_finite_numbers_of_tokens_approach_the_coexistence_like_one_over_n() -> None:
    limit = MeanFieldPotts.of(8).coexistence
    coarse, fine = (finite_coexistence(tokens, 8) for tokens in (40, 80))
    assert abs(2 * fine - coarse - limit) < 0.02 < abs(fine - limit)


def test_scores_that_adapt_lose_balance_where_theory_says() -> None:
    """The relaxation about balance slows down to zero at K = E, within four standard errors; collapse ends at the
    spinodal, and in between both states stay."""
    router, theory = AdaptiveScores(8, tokens=1_000_000), MeanFieldPotts.of(8)
    rate = router.relaxation(6.0, 10_000, seed=1)
    assert abs(rate.value - (1.0 - 6.0 / 8)) < 4 * rate.error
    assert abs(rate.value - (1.0 - 6.0 / 7)) > 4 * rate.error  # of seven experts: seen
    down = np.array([4.6, theory.collapse_unstable + 0.03, theory.collapse_unstable - 0.03])
    shares = router.sweep(down, 1500, router.collapsed(4.6), seed=1)
    expected = [theory.branches(strength)["collapsed"] for strength in down[:2]]
    np.testing.assert_allclose(shares[:2], expected, atol=0.02)
    assert shares[2] < 0.13
    up = router.sweep([4.6, 7.5, 8.5], 1500, router.balanced(), seed=2)
    assert (up[:2] < 0.13).all()
    assert up[2] > 0.99


def test_two_experts_that_adapt_part_at_two_without_hysteresis() -> None:
    """From near balance and from collapse a router of two comes to the same load: |2p - 1| = tanh(K (2p - 1)/2)."""
    router, chance = AdaptiveScores(2, tokens=None), np.random.default_rng(0)
    for strength, expected in ((1.9, 0.5), (2.1, MeanFieldPotts.of(2).branches(2.1)["collapsed"])):
        for start in (np.array([0.01, 0.0]), router.collapsed(strength)):
            scores = router.run(start, strength, 4000, chance)[-1]
            share = 1.0 / (1.0 + np.exp(scores[1] - scores[0]))
            assert share == pytest.approx(expected, abs=1e-6)
            assert 2 * share - 1 == pytest.approx(np.tanh(strength * (2 * share - 1) / 2), abs=1e-6)
