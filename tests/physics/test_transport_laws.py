"""Flight, diffusion and relaxation, held to their exact laws; neighbours that part, and rows that go together."""

from __future__ import annotations

from math import exp, pi, sqrt, tanh
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter

from gasfield.diagnostics import Group
from gasfield.diagnostics.context import Origin, RunContext
from gasfield.diagnostics.kinematics.coherence import Coherence
from gasfield.diagnostics.kinematics.pair_dispersion import PairDispersion
from gasfield.diagnostics.kinematics.transport import Transport, TransportResult
from gasfield.dynamics import AnyDynamics
from gasfield.gas import Gas
from gasfield.runs import RunResult, run
from gasfield.scenario import Scenario
from gasfield.simulation import Simulation
from gasfield.spaces import Free
from gasfield.statistics.lags import autocorrelations, square_displacements

Values = NDArray[np.float64]
T, N, D, STEP = 400, 200, 3, 0.5
RUN = {
    "title": "a test", "question": "Is it known?", "seed": 2, "space": {"kind": "free", "dimensions": 3},
    "gas": [{"name": "a", "from": {"kind": "gaussian", "count": 1000, "spread": 1.0}}],
    "temperature": 0.8, "run": {"steps": 2000, "record_every": 10},
}  # fmt: skip


def result_of(folder: Path, **keys: Any) -> RunResult:
    return run(Scenario.model_validate(keys), output=folder / "out", pictures="none")


def transport(paths: Values, velocities: Values | None = None, step: float = STEP) -> TransportResult:
    steps = np.arange(len(paths))
    return Transport().compute(Group("rows", steps, paths, times=step * steps, velocities=velocities))


def numbers(result: TransportResult, key: str) -> tuple[float, float]:
    quantity = result.quantities()[f"transport.{key}"]
    assert isinstance(quantity.value, float)
    assert isinstance(quantity.error, float)
    return quantity.value, quantity.error


def brownian(diffusion: float = 0.7, seed: int = 0) -> Values:
    """Exact Gaussian steps of variance 2 D h."""
    return np.random.default_rng(seed).normal(0, sqrt(2 * diffusion * STEP), (T, N, D)).cumsum(axis=0)


def ornstein_uhlenbeck(friction: float, temperature: float, step: float) -> tuple[Values, Values]:
    """Velocities of the exact law at equilibrium, and positions by trapezoids (the interval is short)."""
    rng, keep = np.random.default_rng(3), exp(-friction * step)
    velocities = np.empty((2000, N, D))
    velocities[0] = rng.normal(0, sqrt(temperature), (N, D))
    for t in range(1, len(velocities)):
        kick = rng.normal(0, sqrt(temperature * (1 - keep**2)), (N, D))
        velocities[t] = keep * velocities[t - 1] + kick
    middle = 0.5 * (velocities[1:] + velocities[:-1])
    return np.concatenate([np.zeros((1, N, D)), step * middle.cumsum(axis=0)]), velocities


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_square_displacements_by_fft_are_those_of_the_double_loop(offset: float) -> None:
    paths = np.random.default_rng(1).normal(size=(60, 5, D)).cumsum(axis=0)
    naive = [np.mean(np.sum((paths[m:] - paths[: 60 - m]) ** 2, axis=2), axis=0) for m in range(60)]
    found = square_displacements(paths + offset)
    assert found[1:] == pytest.approx(np.array(naive)[1:], rel=1e-12 if not offset else 1e-6)
    products = [np.mean(np.sum(paths[m:] * paths[: 60 - m], axis=2), axis=0) for m in range(60)]
    assert autocorrelations(paths) == pytest.approx(np.array(products), rel=1e-10, abs=1e-10)


def test_free_flight_has_exponent_two() -> None:
    velocity = np.random.default_rng(2).normal(size=(N, D))
    times = STEP * np.arange(T)
    result = transport(times[:, None, None] * velocity)
    assert result.square[1:] == pytest.approx(np.mean(np.sum(velocity**2, axis=1)) * times[1:] ** 2, rel=1e-9)
    assert numbers(result, "exponent.short")[0] == pytest.approx(2.0, abs=1e-9)
    assert numbers(result, "exponent.long")[0] == pytest.approx(2.0, abs=1e-9)
    assert numbers(result, "straightness")[0] == pytest.approx(1.0, abs=1e-12)


def test_brownian_motion_diffuses() -> None:
    """Within 4 errors over rows; wrong by a fifth would be seen."""
    result = transport(brownian())
    for key, truth in (("diffusion.einstein", 0.7), ("exponent.short", 1.0), ("exponent.long", 1.0)):
        value, error = numbers(result, key)
        assert value == pytest.approx(truth, abs=4 * error), key
        assert abs(value - 1.2 * truth) > 4 * error, key  # negative control
    thermal, error = numbers(result, "thermal.diffusion.einstein")
    assert thermal == pytest.approx(0.7 * (1 - 1 / N), abs=4 * error)


def test_einstein_and_green_kubo_agree() -> None:
    """Of displacements they are one sum; of measured velocities they agree within their errors, at T/gamma."""
    result = transport(brownian(seed=1))
    einstein, green_kubo = numbers(result, "diffusion.einstein"), numbers(result, "diffusion.green_kubo")
    assert einstein[0] == pytest.approx(green_kubo[0], abs=2 * max(einstein[1], green_kubo[1]))
    paths, velocities = ornstein_uhlenbeck(friction=2.0, temperature=1.5, step=0.05)
    result = transport(paths, velocities, 0.05)
    for key in ("diffusion.einstein", "diffusion.green_kubo"):
        value, error = numbers(result, key)
        assert value == pytest.approx(0.75, abs=4 * error), key
        assert error < 0.05
    lags = result.lags[:20]
    assert result.velocity[:20] == pytest.approx(np.exp(-2.0 * lags), abs=0.02)
    assert np.abs(result.velocity[:20] - np.exp(-2.2 * lags)).max() > 0.02  # negative control


def test_bulk_and_thermal_add_up_at_every_step() -> None:
    paths = brownian() + np.linspace(0, 30, T)[:, None, None]
    result = transport(paths)
    total = np.mean(np.sum((paths - paths[0]) ** 2, axis=2), axis=1)
    assert result.bulk + result.spread == pytest.approx(total, rel=1e-12)
    assert numbers(result, "bulk_share")[0] == pytest.approx(result.bulk[-1] / total[-1], rel=1e-12)
    assert numbers(result, "thermal.diffusion.einstein")[0] == pytest.approx(0.7, abs=0.1)
    assert numbers(result, "diffusion.einstein")[0] > 1.2  # the drift is no diffusion, and is in it


@pytest.mark.parametrize("law", [{"kind": "brownian", "friction": 2.0}, {"kind": "langevin", "friction": 2.0}])
def test_three_temperatures_of_a_free_gas_agree(law: dict[str, object], tmp_path: Path) -> None:
    """Fluctuation and dissipation (Einstein) and, where there are velocities, the kinetic one are the bath's, within 4
    errors; a bath warmer by a fifth would be told apart. With a field the first is undefined, and a note says why."""
    free = RUN | {"dynamics": law | {"time_step": 0.05}}
    result = result_of(tmp_path, **free, diagnostics=["transport", "thermodynamics"])
    found = result.diagnosis.as_json()["groups"]["a"]
    einstein = found["transport"]["temperature"]
    assert einstein["value"] == pytest.approx(0.8, abs=4 * einstein["error"])
    assert abs(einstein["value"] - 0.8 * 1.2) > 4 * einstein["error"]
    if law["kind"] == "langevin":
        kinetic = found["temperature"]["kinetic"]
        assert kinetic["value"] == pytest.approx(0.8, abs=4 * kinetic["error"])
    bound = free | {"forces": [{"kind": "harmonic", "stiffness": 1.0}]}
    diagnosis = result_of(tmp_path / "bound", **bound, diagnostics=["transport"]).diagnosis.as_json()
    assert diagnosis["groups"]["a"]["transport"]["temperature"]["value"] is None
    assert any("harmonic change the mobility" in entry["note"] for entry in diagnosis["notes"])


FREE_LAWS: list[tuple[dict[str, Any], float]] = [
    ({"kind": "langevin", "time_step": 1.0, "friction": 2.0}, 0.5 / tanh(1.0)),
    ({"kind": "langevin", "scheme": "obabo", "time_step": 1.0, "friction": 2.0}, 0.5 / tanh(1.0)),
    ({"kind": "andersen", "time_step": 1.0, "collision_rate": 2.0}, 0.5 / tanh(1.0)),
    ({"kind": "brownian", "time_step": 1.0, "friction": 2.0}, 0.5),
    ({"kind": "brownian", "scheme": "euler_maruyama", "time_step": 1.0, "friction": 2.0}, 0.5),
    ({"kind": "mala", "time_step": 0.3}, 0.3),
    ({"kind": "hmc", "time_step": 0.2, "leapfrog_steps": 3}, 0.18),
]


@pytest.mark.parametrize(
    ("law", "mobility"), FREE_LAWS, ids=lambda value: value["kind"] if isinstance(value, dict) else ""
)
def test_a_free_gas_has_the_temperature_of_its_bath_at_any_step(law: dict[str, Any], mobility: float) -> None:
    """D = T mobility / m at the time step itself: (h/2) coth(gamma h/2) for friction and for collisions. At gamma h = 2
    the limit of small steps, 1/gamma, is wrong by 31%, which 4 errors exclude."""
    system = Simulation(
        Gas(np.zeros((3000, 3)), masses=np.full(3000, 2.0)), dynamics=law, forces=[], temperature=0.8, seed=4
    )
    system.step(10)
    paths = system.sample(240, 1, lambda gas: gas.positions.copy())
    group = Group("a", np.arange(240), paths, masses=np.full(3000, 2.0), origin=Origin(context_of(law)))
    result = Transport().compute(group)
    value, error = numbers(result, "temperature")
    assert value == pytest.approx(0.8, abs=4 * error)
    assert error < 0.02
    naive = value * mobility / 0.5
    if law["kind"] in ("langevin", "andersen"):
        assert abs(naive - 0.8) > 4 * error  # negative control: the factor of a small step
    assert any(f"D m / {mobility:.6g}" in note for note in result.notes)


def context_of(law: dict[str, Any]) -> RunContext:
    """The model of a free gas."""
    return RunContext(Free(dimensions=3), (), TypeAdapter(AnyDynamics).validate_python(law))


@pytest.mark.parametrize(
    ("law", "says"),
    [
        ({"kind": "metropolis", "step_length": 0.5}, "under metropolis"),
        ({"kind": "nose_hoover", "time_step": 0.1, "relaxation_time": 1.0}, "under nose_hoover"),
        ({"kind": "newton", "time_step": 0.1}, "under newton"),
        ({"kind": "sgd", "learning_rate": 0.1}, "under sgd"),
        ({"kind": "langevin", "time_step": 0.1, "friction": 0.0}, "under langevin"),
        ({"kind": "langevin", "time_step": 0.1, "friction": 0.1}, "has not set in"),
    ],
)
def test_no_temperature_is_read_off_a_diffusion_that_does_not_tell_it(law: dict[str, Any], says: str) -> None:
    group = Group("a", np.arange(T), brownian(), times=0.1 * np.arange(T), origin=Origin(context_of(law)))
    result = Transport().compute(group)
    assert result.quantities()["transport.temperature"].value is None
    assert any(says in note for note in result.notes), result.notes


def test_unequal_frames_have_no_lags() -> None:
    steps = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 129, 130, 131, 132, 133, 134, 140])
    assert "equally spaced" in str(Transport().why_not(Group("rows", steps, np.zeros((16, 3, 2)))))


def test_rows_that_stand_still_have_no_transport() -> None:
    result = transport(np.ones((40, 5, 2)))
    assert result.quantities()["transport.exponent.long"].value is None
    assert result.quantities()["transport.diffusion.einstein"].value == pytest.approx(0.0, abs=1e-12)
    assert result.quantities()["transport.straightness"].value is None


def test_coherence_of_known_directions() -> None:
    """All alike 1; two opposite halves -1/(n - 1); isotropic directions 0 within 4 errors; the fan of a half circle."""

    def cosine(moved: Values) -> tuple[float, float | None]:
        group = Group("rows", np.arange(2), np.stack([np.zeros(moved.shape), moved]))
        quantity = Coherence().compute(group).quantities()["coherence.mean"]
        assert isinstance(quantity.value, float)
        return quantity.value, quantity.error  # type: ignore[return-value]

    assert cosine(np.tile([[3.0, 4.0]], (7, 1)))[0] == pytest.approx(1.0)
    opposite = np.concatenate([np.ones((4, 1)), -np.ones((4, 1))])
    assert cosine(opposite)[0] == pytest.approx(-1 / 7)
    isotropic = np.random.default_rng(5).normal(size=(2000, 16))
    assert abs(cosine(isotropic)[0]) < 4 / sqrt(16) / 2000  # (|S|^2 - n)/n^2 scatters by sqrt(2/D)/n
    assert cosine(isotropic + 0.2)[0] > 0.02  # negative control
    angles = np.random.default_rng(6).uniform(0, pi, 4000)
    value, error = cosine(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert error is not None
    assert value == pytest.approx((2 / pi) ** 2, abs=4 * error)


def test_rows_that_do_not_move_have_no_direction() -> None:
    x = np.zeros((3, 4, 2))
    x[1:, :2, 0] = 1.0
    result = Coherence().compute(Group("rows", np.arange(3), x))
    assert result.moving.tolist() == [2, 0]
    assert result.quantities()["coherence.start"].value == pytest.approx(1.0)
    assert any("1 of 2 intervals" in note for note in result.notes)


def test_pairs_part_at_the_rate_of_a_saddle_and_not_in_a_rotation() -> None:
    """Pairs along x part as exp(a t); the same grid turned stiffly does not change."""
    rate, times = 0.4, np.linspace(0, 5, 26)
    x = np.stack([np.arange(20.0), np.zeros(20)], axis=1)
    bonds = np.stack([np.arange(19), np.arange(1, 20)], axis=1)
    saddle = x * np.stack([np.exp(rate * times), np.exp(-rate * times)], axis=1)[:, None]
    turn = np.array([[[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]] for t in times])
    for frames, expected in ((saddle, rate), (np.einsum("tij,nj->tni", turn, x), 0.0)):
        result = PairDispersion().compute(Group("rows", np.arange(26), frames, times=times, bonds=bonds))
        assert result.quantities()["pair_dispersion.rate"].value == pytest.approx(expected, abs=1e-12)
        assert result.quantities()["pair_dispersion.ratio"].value == pytest.approx(exp(5 * expected), rel=1e-12)
    nearest = PairDispersion().compute(Group("rows", np.arange(26), saddle, times=times))
    assert nearest.quantities()["pair_dispersion.rate"].value == pytest.approx(rate, abs=1e-12)


def test_a_green_kubo_sum_of_rare_frames_says_that_it_is_too_large() -> None:
    """Of velocities correlated by c from frame to frame trapezoids give (1 + c)/(1 - c)/2 intervals, more than the
    integral -1/ln c: 41% at c = .1, not worth a note at c = .98."""
    for every, noted in ((1, False), (115, True)):
        paths, velocities = ornstein_uhlenbeck(friction=2.0, temperature=1.5, step=0.01)
        result = transport(paths[::every], velocities[::every], 0.01 * every)
        assert any("green_kubo is too large" in note for note in result.notes) == noted
