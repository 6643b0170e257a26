"""Training of a field by its gas: gradients, the identity of T KL, what each divergence seeks, and the work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats

from gasfield.diagnostics import diagnose
from gasfield.diagnostics.context import NotApplicable, RunContext
from gasfield.errors import InputError
from gasfield.forces import FORCES, Surroundings, build_alone
from gasfield.gas import Gas
from gasfield.operations import boltzmann_learning, train_field, trigger_of
from gasfield.scenario import Scenario
from gasfield.scenario.document import read_value
from gasfield.simulation import Simulation
from gasfield.spaces import Free
from gasfield.statistics.boltzmann import Boltzmann
from gasfield.statistics.quadrature import Flat, Round
from gasfield.testing import check_force

Values = NDArray[np.float64]
WELLS = [{"at": [0.5, -0.5], "depth": 1.5, "width": 1.0}, {"at": [-1.0, 0.2], "depth": -0.7, "width": 0.6}]
MIXTURE = {"kind": "landscape", "temperature": 0.7, "centres": [[0.5, 0.0], [-1.0, 0.3]], "weights": [1.0, 3.0]}
TRAINED: list[dict[str, Any]] = [
    {"kind": "harmonic", "stiffness": 2.0, "train": ["stiffness", "centre"]},
    {"kind": "harmonic", "stiffness": [2.0, 0.5], "centre": [0.2, 0.1], "train": ["centre", "stiffness"]},
    {"kind": "gaussian_wells", "wells": WELLS, "train": ["at", "depth", "width"]},
    MIXTURE | {"widths": [0.6, 0.9], "train": ["centres", "weights", "widths"]},
    MIXTURE | {"widths": 0.8, "train": ["widths"]},
]
DOUBLE_WELL = {"kind": "double_well", "barrier": 1.0, "width": 1.0, "stiffness": 2.0}


@pytest.mark.parametrize("law", TRAINED, ids=lambda law: f"{law['kind']} {' '.join(law['train'])}")
def test_trained_fields_keep_the_contract(law: dict[str, Any]) -> None:
    """Slopes by the numbers included."""
    check_force(law, Free(dimensions=2))


def test_a_wrong_slope_is_noticed() -> None:
    class Wrong(type(FORCES.parse(TRAINED[0]))):  # type: ignore[misc]
        def parts(self, dimensions: int) -> Any:
            right = super().parts(dimensions)
            own = right["centre"]
            return right | {"centre": replace(own, slopes=lambda x: 1.001 * own.slopes(x))}

    with pytest.raises(AssertionError, match=r"dU by centre\.0"):
        check_force(Wrong(stiffness=2.0, train=("centre",)), Free(dimensions=2))


# --- quadrature -------------------------------------------------------------------------------------------------------


def gaussian(centre: Values, variance: float, temperature: float) -> Boltzmann:
    """N(c, s^2) as the density of a harmonic well, whose zero of energy is 3."""
    reach = 10.0 * np.sqrt(variance)

    def energy(x: Values) -> Values:
        return np.asarray(3.0 + 0.5 * temperature / variance * np.sum((x - centre) ** 2, axis=1))

    return Boltzmann.of(energy, temperature, Flat(centre - reach, centre + reach))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_gaussians_have_their_closed_forms(dimensions: int) -> None:
    """S = D/2 log(2 pi e s^2), and KL = (D (s^2/t^2 - 1 - log s^2/t^2) + |c|^2/t^2)/2; to 1e-7."""
    shift = np.full(dimensions, 0.3)
    p, q = gaussian(np.zeros(dimensions), 0.5, 0.7), gaussian(shift, 0.8, 1.3)
    ratio = 0.5 / 0.8
    expected = 0.5 * (dimensions * (ratio - 1.0 - np.log(ratio)) + shift @ shift / 0.8)
    assert p.entropy == pytest.approx(0.5 * dimensions * np.log(2 * np.pi * np.e * 0.5), abs=1e-7)
    assert p.divergence(q) == pytest.approx(expected, abs=1e-7)
    assert p.divergence(p) == pytest.approx(0.0, abs=1e-12)


def test_the_identity_holds_to_the_accuracy_of_quadrature() -> None:
    """<E>_data - T S_data - F = T KL(data || model), with a KL that was integrated by other means (QUADPACK, 1e-10);
    it does not depend on the zero of E, F does."""
    data = double_well(0.4)
    for zero in (0.0, 5.0):
        model = Boltzmann.of(lambda x, zero=zero: 0.6 * (x[:, 0] - 0.2) ** 2 + zero, 0.9, Flat(*ends(9.0)))  # type: ignore[misc]

        def integrand(x: float, model: Boltzmann = model) -> float:
            log_p, log_q = (float(law.log_density(np.array([[x]]))[0]) for law in (data, model))
            return float(np.exp(log_p) * (log_p - log_q))

        outside = integrate.quad(integrand, -3.0, 3.0, epsabs=1e-11, limit=200)[0]
        left = data.cross_energy(model) - 0.9 * data.entropy - model.free_energy
        assert left == pytest.approx(0.9 * outside, abs=1e-7)
        assert model.free_energy == pytest.approx(zero - 0.45 * np.log(np.pi * 0.9 / 0.6), abs=1e-7)
        assert abs(left - 0.9 * outside * 1.05) > 1e-3  # 5% more is noticed


def test_volumes_of_balls_and_spheres() -> None:
    """Without energy F = -T log V."""
    for domain, volume in ((Round(3, 1.5, False), 4.5 * np.pi), (Round(3, 1.5, True), 9.0 * np.pi)):
        free = Boltzmann.of(lambda x: np.zeros(len(x)), 2.0, domain)
        assert free.free_energy == pytest.approx(-2.0 * np.log(volume), abs=1e-7)


def ends(reach: float) -> tuple[Values, Values]:
    return np.array([-reach]), np.array([reach])


def double_well(temperature: float) -> Boltzmann:
    """In one dimension."""
    return Boltzmann.of(lambda x: (x[:, 0] ** 2 - 1.0) ** 2, temperature, Flat(*ends(3.5)))


# --- gradients --------------------------------------------------------------------------------------------------------


def student(theta: Values, temperature: float) -> Boltzmann:
    """A harmonic well with centre and logarithm of the stiffness theta."""
    stiffness = float(np.exp(theta[1]))
    reach = np.array([10.0 * np.sqrt(temperature / stiffness)])

    def energy(x: Values) -> Values:
        return np.asarray(0.5 * stiffness * (x[:, 0] - theta[0]) ** 2)

    return Boltzmann.of(energy, temperature, Flat(theta[0] - reach, theta[0] + reach))


@pytest.mark.parametrize("objective", ["forward", "reverse"])
def test_gradients_of_samples_are_those_of_the_divergence(objective: str) -> None:
    """Of 200 independent samples: the mean within four standard errors of central differences of the KL by quadrature,
    whose error is h^2/6 of third derivatives, 1e-7; and with the wrong sign not."""
    temperature, theta, chance = 0.5, np.array([0.3, 0.2]), np.random.default_rng(7)
    teacher = double_well(temperature)
    law = FORCES.parse({"kind": "harmonic", "stiffness": float(np.exp(theta[1])), "centre": [float(theta[0])],
                        "train": ["centre", "stiffness"]})  # fmt: skip
    force = build_alone(law, Surroundings(Free(dimensions=1))).trained
    assert force is not None

    def gradient() -> Values:
        model = theta[0] + np.sqrt(temperature / np.exp(theta[1])) * chance.standard_normal((500, 1))
        if objective == "forward":
            cell = chance.choice(len(teacher.places), 500, p=teacher.shares)  # nodes are 0.02 apart
            data = teacher.places[cell]
            return boltzmann_learning.forward_gradient(force.slopes, 2, data, model, temperature)
        surplus = (teacher.energy(model) - student(theta, temperature).energy(model)) / temperature
        return boltzmann_learning.reverse_gradient(force.slopes, 2, model, surplus, temperature)

    def divergence(at: Values) -> float:
        model = student(at, temperature)
        return teacher.divergence(model) if objective == "forward" else model.divergence(teacher)

    steps = 1e-3 * np.eye(2)
    exact = np.array([(divergence(theta + step) - divergence(theta - step)) / 2e-3 for step in steps])
    found = np.array([gradient() for _ in range(200)])
    error = found.std(axis=0, ddof=1) / np.sqrt(200)
    assert np.all(np.abs(found.mean(axis=0) - exact) < 4.0 * error)
    assert np.all(np.abs(-found.mean(axis=0) - exact) > 10.0 * error)


def test_sums_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal((50, 2))
    whole = boltzmann_learning.forward_gradient(lambda y: y, 2, x[:20], x[20:], 0.5)
    monkeypatch.setattr(boltzmann_learning, "BLOCK", 6)
    np.testing.assert_allclose(
        boltzmann_learning.forward_gradient(lambda y: y, 2, x[:20], x[20:], 0.5), whole, rtol=1e-13
    )


# --- runs -------------------------------------------------------------------------------------------------------------

TEMPERATURE = 0.2
OVERDAMPED: dict[str, Any] = {"kind": "brownian", "time_step": 0.02, "friction": 0.5}


def classroom(
    count: int = 600,
    dynamics: dict[str, Any] = OVERDAMPED,
    objectives: tuple[str, ...] = ("forward", "reverse"),
    **changes: Any,
) -> Simulation:
    """A teacher with two wells, and two harmonic students that start half way between barrier and right well."""
    chance = np.random.default_rng(3)
    places = np.concatenate(
        [
            np.sign(chance.standard_normal((count, 1))) + 0.16 * chance.standard_normal((count, 1)),
            0.5 + 0.5 * chance.standard_normal((2 * count, 1)),
        ]
    )
    well = {"kind": "harmonic", "stiffness": TEMPERATURE / 0.25, "centre": [0.5], "train": ["centre", "stiffness"]}
    usual = {"teacher": "teacher", "rate": 0.05, "trigger": 10}
    return Simulation(
        Gas(places, np.repeat([0, 1, 2], count), ["teacher", "forward", "reverse"]),
        dynamics=dynamics,
        forces=[DOUBLE_WELL | {"groups": ["teacher"]}, well | {"groups": ["forward"]}, well | {"groups": ["reverse"]}],
        temperature=TEMPERATURE,
        seed=5,
        operations=[
            {"kind": "train_field", "group": f"{objective}", "objective": f"{objective}_kl"} | usual | changes
            for objective in objectives
        ],
    )


def learned(simulation: Simulation, name: str) -> Values:
    """Centre and variance of a student."""
    seen = simulation.observe()
    return np.array([seen[f"{name}/trained.centre.0"], TEMPERATURE / seen[f"{name}/trained.stiffness"]])


@pytest.fixture(scope="module")
def trained() -> tuple[Simulation, dict[str, Values]]:
    """After training, and the students over its last part (T, 2)."""
    simulation = classroom()
    simulation.step(800)
    seen: dict[str, list[Values]] = {"forward": [], "reverse": []}
    for _ in range(20):
        simulation.step(20)
        for name, values in seen.items():
            values.append(learned(simulation, name))
    return simulation, {name: np.array(values) for name, values in seen.items()}


def density(at: Values) -> Boltzmann:
    """Of a student with a centre and a variance."""
    return student(np.array([at[0], np.log(TEMPERATURE / at[1])]), TEMPERATURE)


def test_forward_kl_covers_both_modes_and_matches_moments(trained: Any) -> None:
    """The optimum has the mean and the variance of the teacher. With 300 particles in each mean the excess of KL is
    about P/(2 N) = 0.003; five times that is allowed."""
    at, teacher = trained[1]["forward"].mean(axis=0), double_well(TEMPERATURE)
    x = teacher.places[:, 0]
    optimum = density(np.array([0.0, teacher.mean(x**2)]))
    least = teacher.divergence(optimum)
    assert teacher.divergence(density(at)) - least < 5 * 2 / 600
    assert teacher.divergence(density(np.array([0.5, 0.25]))) - least > 0.5  # the start
    assert teacher.share_within(density(at), 0.1) > 0.99
    assert density(at).share_within(teacher, 0.1) < 0.6


def test_reverse_kl_seeks_one_mode_at_its_exact_place(trained: Any) -> None:
    """A Gaussian N(m, s^2) has <U> = m^4 + 6 m^2 s^2 + 3 s^4 - 2 (m^2 + s^2) + 1 in (x^2 - 1)^2, so that the KL is
    stationary at m^2 = 1 - 3 s^2 with s^2 = (8 - sqrt(64 - 96 T))/48 (below T = 2/3; Gibbs and Bogoliubov's bound)."""
    variance = (8.0 - np.sqrt(64.0 - 96.0 * TEMPERATURE)) / 48.0
    exact = np.array([np.sqrt(1.0 - 3.0 * variance), variance])
    seen, teacher = trained[1]["reverse"], double_well(TEMPERATURE)
    error = seen.std(axis=0, ddof=1) / np.sqrt(len(seen) / 5)  # successive ones are correlated over about 5
    assert np.all(
        np.abs(seen.mean(axis=0) - exact) < 4.0 * error + np.array([0.01, 0.002])
    )  # the step of Brownian motion
    assert np.all(np.abs(learned(classroom(), "reverse") - exact) > 0.1)
    best = density(exact)
    assert best.divergence(teacher) < min(density(exact * off).divergence(teacher) for off in (0.97, 1.03))
    assert teacher.share_within(density(seen.mean(axis=0)), 0.1) == pytest.approx(0.5, abs=0.03)
    assert density(seen.mean(axis=0)).share_within(teacher, 0.1) > 0.98


def test_without_a_rate_nothing_moves_and_uphill_nothing_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative controls."""
    still = classroom(rate=0.0)
    start = learned(still, "forward")
    np.testing.assert_array_equal(learned(still.step(50), "forward"), start)
    down = boltzmann_learning.forward_gradient
    monkeypatch.setattr(train_field, "forward_gradient", lambda *a: -down(*a))
    teacher = double_well(TEMPERATURE)
    uphill = learned(classroom(rate=0.02).step(30), "forward")
    assert teacher.divergence(density(uphill)) > teacher.divergence(density(start)) + 0.02


def test_work_on_the_held_out_gas_gives_the_free_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jarzynski: -T log <exp(-W/T)> within three standard errors of Delta F = T/2 log(k'/k), and <W> above it, by
    dynamics that keep each density exactly. The particles of which the gradient is estimated do not: each step
    pushes them against their own fluctuations."""

    def off() -> float:
        metropolis = {"kind": "metropolis", "step_length": 1.0}
        seen = classroom(40, metropolis, ("forward",), rate=0.02, trigger=1).step(700).observe()
        exact = 0.5 * TEMPERATURE * np.log(seen["forward/trained.stiffness"] / (TEMPERATURE / 0.25))
        assert seen["forward/training_work"] > exact
        return float((seen["forward/free_energy_change"] - exact) / seen["forward/free_energy_change_error"])

    assert abs(off()) < 3.0
    monkeypatch.setattr(train_field.FieldTrainer, "_parted", lambda self, gas, group: (gas.members(group),) * 2)
    assert off() > 5.0


def test_data_that_stay_where_they_are_in_many_dimensions(tmp_path: Path) -> None:
    """Rows at temperature zero are data. Of a well whose centre moves, F stays, and T KL changes by that of <E>_data,
    k/2 |c - mean|^2: the work on both gases is checked on rows that are not in the gradient."""
    chance, d = np.random.default_rng(1), 24
    rows = 0.3 + 0.1 * chance.standard_normal((200, d))
    start = chance.standard_normal((400, d)) / np.sqrt(2.0) * np.sqrt(0.5)
    simulation = Simulation(
        Gas(np.concatenate([rows, start]), np.repeat([0, 1], [200, 400]), ["rows", "model"]),
        dynamics={"kind": "brownian", "time_step": 0.05},
        forces=[{"kind": "harmonic", "stiffness": 2.0, "train": ["centre"], "groups": ["model"]}],
        temperature={"kind": "by_group", "groups": {"rows": 0.0, "model": 0.5}},
        operations=[
            {"kind": "train_field", "group": "model", "teacher": "rows", "rate": 0.02, "trigger": 5},
            {"kind": "trajectory", "file": "lesson.h5", "trigger": 15},
        ],
        directory=tmp_path,
    )
    with simulation:
        seen = simulation.step(150).observe()
    np.testing.assert_array_equal(simulation.gas.positions[:200], rows)
    centre = np.array([seen[f"model/trained.centre.{j}"] for j in range(d)])
    assert np.linalg.norm(centre - 0.3) < 0.3 * np.linalg.norm(np.full(d, 0.3))
    apart = rows[1::2]
    exact = float(np.mean(np.sum((apart - centre) ** 2 - apart**2, axis=1)))
    assert seen["model/data_work"] == pytest.approx(exact, rel=1e-10)
    assert seen["model/training_work"] > 0.0  # F has not changed
    found = diagnose(tmp_path / "lesson.h5", ["training", "student_density"])
    result = found.results["model"]["training"]
    fallen = result.quantities()["training.divergence_change.sampled"]
    assert fallen.value is not None
    assert abs(fallen.value - exact) < 4.0 * fallen.error
    assert fallen.value < -10.0 * fallen.error
    assert result.quantities()["training.forward_kl.end"].value is None
    assert any("no quadrature" in note for note in result.notes)
    assert [out.reason for out in found.left_out if out.group == "model"] == [
        "in more than 3 dimensions there is no quadrature"
    ]


def test_a_simulation_that_is_set_back_has_the_field_of_then() -> None:
    simulation = classroom(momentum=0.3)
    state = simulation.step(55).state()
    end = simulation.step(40).state()
    simulation.restore(state)
    again = simulation.step(40).state()
    for name, values in end.items():
        np.testing.assert_array_equal(values, again[name], err_msg=name)


def test_a_trained_field_can_be_diagnosed_and_used_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with classroom(objectives=("forward",), file="field.yaml") as simulation:
        simulation.add_operation({"kind": "trajectory", "file": "lesson.h5", "trigger": 30})
        simulation.step(150)
    result = diagnose("lesson.h5", ["training"]).results["forward"]["training"].quantities()
    assert result["training.forward_kl.end"].value < 0.9 * result["training.forward_kl.start"].value
    assert result["training.identity.residual"].value < 1e-12
    field = FORCES.parse(read_value(Path("field.yaml").read_text()))
    assert field.trained is None
    force = build_alone(field, Surroundings(Free(dimensions=1)))
    gas = Gas(np.linspace(-2.0, 2.0, 9)[:, None])
    trained = next(force.trained for force in simulation.forces if force.acts_on("forward"))
    assert trained is not None
    np.testing.assert_array_equal(force.energy(gas), trained.energy(gas))


def test_a_trained_field_is_not_steady_and_its_start_is_not_taken_for_it() -> None:
    assert not classroom().forces.steady
    scenario = Scenario.model_validate(
        {
            "title": "a lesson", "question": "?", "space": {"kind": "free", "dimensions": 1},
            "gas": [{"name": name, "from": {"kind": "gaussian", "count": 5, "spread": 1.0}} for name in ("a", "b")],
            "forces": [{"kind": "harmonic", "stiffness": 1.0, "train": ["stiffness"], "groups": ["a"]}],
            "dynamics": {"kind": "brownian", "time_step": 0.1}, "temperature": 1.0, "run": {"steps": 1},
        }
    )  # fmt: skip
    run = RunContext.of(scenario, None)
    for ask in (run.forces, run.fields):
        with pytest.raises(NotApplicable, match="was trained"):
            ask("a")
        ask("b")
    assert (
        "train"
        not in Scenario.model_validate(
            scenario.model_dump() | {"forces": [{"kind": "harmonic", "stiffness": 1.0}]}
        ).yaml()
    )  # so that the identity of earlier scenarios stays


def test_a_trigger_may_begin_later() -> None:
    later = trigger_of({"kind": "every", "steps": 10, "after": 25})
    assert [step for step in range(100, 160) if later.fires(step, 100)] == [125, 135, 145, 155]
    assert [later.next(step, 100) for step in (100, 124, 125, 140)] == [125, 125, 135, 145]


WELL = {"kind": "harmonic", "stiffness": 1.0, "train": ["centre"], "groups": ["b"]}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"operations": [{"kind": "train_field", "group": "c", "teacher": "a"}]}, "no group 'c'"),
        ({"operations": [{"kind": "train_field", "group": "b", "teacher": "b"}]}, "does not learn from itself"),
        ({"forces": []}, "0 of the forces that act on 'b'"),
        ({"forces": [WELL, WELL]}, "2 of the forces"),
        ({"forces": [WELL | {"stiffness": 0.0, "train": ["stiffness"]}]}, "must be positive"),
        ({"forces": [WELL | {"train": ["radius"]}]}, "'centre' or 'stiffness'"),
        ({"forces": [WELL | {"train": ["centre", "centre"]}]}, "names a key twice"),
        (
            {"forces": [WELL | {"stiffness": {"kind": "ramp", "from": 1, "to": 2, "steps": 5}}]},
            "cannot follow schedules",
        ),
        ({"forces": [WELL, {"kind": "circulation", "rate": 1.0}]}, "not a gradient"),
        ({"temperature": None, "dynamics": {"kind": "advection", "time_step": 0.1}}, "equilibrium with a bath"),
        ({"temperature": {"kind": "by_group", "groups": {"a": 1.0, "b": 0.0}}}, "temperature is zero"),
        (
            {"operations": [{"kind": "train_field", "group": "b", "teacher": "a", "objective": "reverse_kl"}]},
            "reverse_kl needs the density of 'a'",
        ),
        (
            {"forces": [{"kind": "landscape", "temperature": 1.0, "file": "x.h5", "train": ["widths"]}]},
            "give 'centres'",
        ),
        (
            {
                "forces": [WELL | {"train": ["stiffness"]}],
                "operations": [{"kind": "train_field", "group": "b", "teacher": "a", "rate": 1e200}],
            },
            "smaller rate",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(changes: dict[str, Any], says: str) -> None:
    usual: dict[str, Any] = {
        "dynamics": {"kind": "brownian", "time_step": 0.1},
        "temperature": 1.0,
        "forces": [WELL],
        "operations": [{"kind": "train_field", "group": "b", "teacher": "a"}],
    }
    gas = Gas(stats.norm.ppf((np.arange(8) + 0.5) / 8).reshape(4, 2), np.array([0, 0, 1, 1]), ["a", "b"])
    with pytest.raises(InputError, match=says):
        Simulation(gas, **usual | changes).step(3)
