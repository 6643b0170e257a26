"""Interaction kernels: known laws found again, what biases them, and what no motion can tell apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gasfield
from gasfield.diagnostics.group import Group
from gasfield.errors import InputError, Note
from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.forces.learned.pair_kernel import PairKernelLaw
from gasfield.learning.data import TrainingData
from gasfield.learning.model import Fitted
from gasfield.learning.models.kernel import KernelModel
from gasfield.operations import TrajectoryRecorder
from gasfield.quantity import Quantity
from gasfield.scenario import Scenario
from gasfield.simulation import Simulation
from gasfield.spaces import Free, Sphere
from gasfield.spec import parse
from gasfield.testing.forces import check_force
from gasfield.testing.tools import gas_of

Array = NDArray[np.float64]


def recorded(path: Path, start: Array, forces: list[dict[str, Any]], steps: int, **keywords: Any) -> Path:
    """A simulation with a frame at every step."""
    sim = Simulation(start, forces=forces, **keywords)
    sim.add_operation(TrajectoryRecorder(path, 1))
    sim.step(steps)
    sim.close()
    return path


def miss(fitted: Fitted, truth: Any) -> float:
    """Root mean square error of phi over the sampled pairs, relative to that of the truth."""
    arrays = fitted.terms["kernel"].arrays
    known, weights = truth(arrays["argument"]), arrays["samples"]
    return float(np.sqrt(np.sum(weights * (arrays["phi"] - known) ** 2) / np.sum(weights * known**2)))


def value_of(quantity: Quantity) -> float:
    return float(quantity.value)  # type: ignore[arg-type]


def in_memory(*paths: Array, h: float) -> TrainingData:
    """Trajectories (T, N, D) with frames h apart."""
    times = [np.asarray(h * np.arange(len(path)), np.float64) for path in paths]
    groups = (Group("gas", np.arange(len(path)), path, times=t) for path, t in zip(paths, times, strict=True))
    return TrainingData(tuple(groups), (), "free")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unnormalised self-attention (USA) of 24 tokens at beta = 2: phi = exp(2 s)/n."""
    start = np.random.default_rng(0).normal(size=(24, 3))
    start /= np.linalg.norm(start, axis=1)[:, None]
    return recorded(
        tmp_path_factory.mktemp("kernel") / "tokens.h5", start,
        [{"kind": "attention", "form": "unnormalised", "beta": 2.0}], 60,
        space={"kind": "sphere", "dimensions": 3}, dynamics={"kind": "advection", "time_step": 0.02},
    )  # fmt: skip


def test_attention_on_the_sphere_has_an_exponential_kernel(tokens: Path, tmp_path: Path) -> None:
    """phi = exp(beta s), to 0.1% by the trapezoidal rule (h = 0.02, rates up to e^2); forward differences are biased by
    O(h), 1.5% or more. The field file holds it, and moves tokens as attention does."""
    model = {"kind": "kernel", "normalisation": "mean"}
    fit = gasfield.fit(tokens, model, tmp_path / "field.h5")
    assert fit.field.space == "sphere"
    assert any("lie on a sphere" in note for note in fit.notes)

    def truth(s: Array) -> Array:
        return np.exp(2.0 * s)

    fitted = Fitted(fit.field.terms, fit.field.moved, fit.quantities)
    assert miss(fitted, truth) < 1e-3
    assert value_of(fit.quantities["interval_error"]) < 1e-3
    forward = gasfield.fit(tokens, model | {"scheme": "forward"})
    assert miss(Fitted(forward.field.terms, forward.field.moved, forward.quantities), truth) > 1.5e-2
    assert value_of(forward.quantities["interval_error"]) > 1e-2

    again = LearnedField.read(tmp_path / "field.h5").terms["kernel"].arrays
    np.testing.assert_array_equal(again["phi"], fit.field.terms["kernel"].arrays["phi"])
    assert {"argument", "phi", "phi_error"} <= set(again)
    start = np.random.default_rng(1).normal(size=(24, 3))
    start /= np.linalg.norm(start, axis=1)[:, None]
    forces = ({"kind": "learned", "file": str(tmp_path / "field.h5")},
              {"kind": "attention", "form": "unnormalised", "beta": 2.0})  # fmt: skip
    motion: Any = {
        "space": {"kind": "sphere", "dimensions": 3},
        "dynamics": {"kind": "advection", "time_step": 0.02},
    }
    with pytest.warns(Note, match="outside the region"):
        ends = [Simulation(start, forces=[force], **motion).step(50).gas.positions for force in forces]
    np.testing.assert_allclose(ends[0], ends[1], atol=2e-3)


def test_lennard_jones_is_found_from_newtons_motion(tmp_path: Path) -> None:
    """Velocity Verlet obeys m (v(t + h) - v(t)) = h (F(t) + F(t + h))/2 exactly, so that the trapezoidal rule on
    velocities leaves only the splines' own error; phi = -(48 r^-14 - 24 r^-8)."""
    chance, files = np.random.default_rng(2), []
    lattice = 1.12 * np.array(np.meshgrid(range(3), range(3))).reshape(2, -1).T
    for number in range(4):
        start = lattice * (1.0 + 0.04 * number) + 0.04 * chance.normal(size=lattice.shape)
        files.append(
            recorded(
                tmp_path / f"{number}.h5", start, [{"kind": "lennard_jones", "cutoff": 20.0}], 150,
                dynamics={"kind": "newton", "time_step": 0.004},
            )
        )  # fmt: skip
    fit = gasfield.fit(files, {"kind": "kernel", "splines": 30})
    fitted = Fitted(fit.field.terms, fit.field.moved, fit.quantities)
    assert fit.field.moved.target == "force"
    assert miss(fitted, lambda r: -(48.0 * r**-14 - 24.0 * r**-8)) < 0.02
    assert value_of(fit.quantities["held_out"]) < 1e-3


def test_passive_tracers_are_moved_and_do_not_act(tmp_path: Path) -> None:
    """A line of passive tracers in a gas that attracts by phi = 0.1 (r^2 + 1/4)^(-3/2): phi is that of the gas to 1%,
    from the motion of both; where tracers are taken for sources, 1% of the square velocities or more is left over."""
    scenario = {
        "title": "tracers", "question": "", "space": {"kind": "free", "dimensions": 2},
        "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 16, "spread": 1.0}}],
        "tracers": [{"name": "line", "place": {"kind": "point", "at": [0.5, 0.0]}, "frame": {"kind": "axes"},
                     "shape": {"kind": "line", "count": 12, "spacing": 0.15}}],
        "forces": [{"kind": "gravity", "strength": 0.1, "softening": 0.5}],
        "dynamics": {"kind": "advection", "time_step": 0.02}, "run": {"steps": 40},
    }  # fmt: skip
    sim = Simulation.from_scenario(parse(Scenario, scenario))
    sim.add_operation(TrajectoryRecorder(tmp_path / "t.h5", 1))
    sim.step(40)
    sim.close()
    fit = gasfield.fit(tmp_path / "t.h5", {"kind": "kernel", "splines": 15})
    fitted = Fitted(fit.field.terms, fit.field.moved, fit.quantities)
    assert miss(fitted, lambda r: 0.1 * (r**2 + 0.25) ** -1.5) < 0.01
    with gasfield.open(tmp_path / "t.h5") as trajectory:
        everything = in_memory(np.asarray(trajectory.positions(), np.float64), h=0.02)
    assert value_of(KernelModel(splines=15).fit(everything).quantities["held_out"]) > 0.01


def test_a_constant_kernel_is_a_harmonic_well_at_the_centroid(tmp_path: Path) -> None:
    """Around a centroid at rest, n phi and the stiffness of a well are one number: their sum is found, the convention
    is named, and the share that both have in common is 1. Where the centroid moves, both are found."""
    start = np.random.default_rng(3).normal(size=(10, 2))
    start -= start.mean(axis=0)
    phi, stiffness, times = 0.04, 0.5, 0.02 * np.arange(41)[:, None, None]
    model = KernelModel(external="harmonic", splines=6)

    def exact(centroid: float) -> TrainingData:
        relative = np.exp(-(stiffness + 10 * phi) * times) * start
        return in_memory(relative + centroid * np.exp(-stiffness * times), h=0.02)

    rest = model.fit(exact(0.0))
    assert rest.quantities["alias"].value == pytest.approx(1.0, abs=1e-9)
    assert any("cannot tell them apart" in note for note in rest.notes)
    assert rest.quantities["external.stiffness"].value == pytest.approx(stiffness + 10 * phi, rel=1e-4)
    assert np.abs(rest.terms["kernel"].arrays["phi"]).max() < 1e-4
    moving = model.fit(exact(2.0))
    assert value_of(moving.quantities["alias"]) < 0.99
    assert moving.quantities["external.stiffness"].value == pytest.approx(stiffness, rel=1e-4)
    np.testing.assert_allclose(moving.terms["kernel"].arrays["phi"], phi, rtol=1e-3)


def noisy_pairs(count: int, *, shared: bool, h: float = 0.02) -> TrainingData:
    """Trajectories of five particles that attract each other by phi = 0.4, in a bath of T = 1, from equilibrium:
    relative positions are an Ornstein-Uhlenbeck process of rate 2. Euler-Maruyama steps, or those of Leimkuhler and
    Matthews, in which two successive steps share a random number."""
    chance, paths = np.random.default_rng(4), []
    for _ in range(count):
        noise = np.sqrt(2.0 * h) * chance.normal(size=(102, 5, 2))
        noise = 0.5 * (noise[1:] + noise[:-1]) if shared else noise[1:]
        path = [np.sqrt(0.5) * chance.normal(size=(5, 2))]
        for kick in noise:
            path.append(path[-1] + h * 2.0 * (path[-1].mean(axis=0) - path[-1]) + kick)
        paths.append(np.array(path))
    return in_memory(*paths, h=h)


def mean_phi(data: TrainingData, scheme: Any = None) -> tuple[float, Fitted]:
    """phi averaged over sampled pairs."""
    fitted = KernelModel(splines=5, degree=1, scheme=scheme).fit(data)
    arrays = fitted.terms["kernel"].arrays
    return float(np.average(arrays["phi"], weights=arrays["samples"])), fitted


def test_noise_biases_what_is_taken_at_places_that_it_has_moved() -> None:
    """White noise: forward differences give phi = 0.4 within its bootstrap errors; in equilibrium the trapezoidal rule
    finds no drift at all (Stratonovich's sum is a total derivative). Noise shared by two steps: half of the drift is
    lost by forward differences, and none if the field is taken one interval earlier. Each is noticed from the data."""
    white, shared = noisy_pairs(60, shared=False), noisy_pairs(60, shared=True)
    found, forward = mean_phi(white)
    assert any("scheme forward, because the motion is noisy" in note for note in forward.notes)
    arrays = forward.terms["kernel"].arrays
    seen = arrays["samples"] > 0.02 * arrays["samples"].max()
    phi, error = arrays["phi"][seen], arrays["phi_error"][seen]
    assert 0.1 < np.mean(((phi - 0.4) / error) ** 2) < 4.0
    assert np.mean(((phi - 0.2) / error) ** 2) > 4.0  # half of it is refused
    assert mean_phi(white, "trapezoid")[0] < 0.1

    found, lagged = mean_phi(shared)
    assert any("scheme lagged, because the motion is noisy" in note for note in lagged.notes)
    assert found == pytest.approx(0.4, rel=0.15)
    assert mean_phi(shared, "forward")[0] == pytest.approx(0.2, rel=0.25)


def test_permuted_frames_hold_no_kernel(tokens: Path) -> None:
    """Frames in random order have no law: by the trapezoidal rule the held-out error is 1 or more; in order it is less.
    (A forward difference of shuffled frames returns to the mean, as if it were attracted: that is no control.)"""
    with gasfield.open(tokens) as trajectory:
        path = np.asarray(trajectory.positions(), np.float64)[:, :, :2]  # in free space
    order = np.random.default_rng(5).permutation(len(path))
    model = KernelModel(splines=7, scheme="trapezoid")
    found = model.fit(in_memory(path[order], h=0.02)).quantities["held_out"]
    assert value_of(found) > 1.0 - 4.0 * float(found.error)  # type: ignore[arg-type]
    assert value_of(model.fit(in_memory(path, h=0.02)).quantities["held_out"]) < 0.5


@pytest.mark.parametrize("space", ["free", "sphere"])
def test_a_learned_kernel_fulfils_the_contract_of_forces(space: str, tmp_path: Path) -> None:
    """Energy, gradient, Laplacian, virial, passive particles; the sum over j written out is the oracle."""
    places = np.random.default_rng(3).uniform(-1.0, 1.0, (9, 3))
    at = np.linspace(0.3, 2.5, 60) if space == "free" else np.linspace(-1.0, 1.0, 60)
    phi = np.exp(-at) * np.cos(3.0 * at) if space == "free" else np.exp(2.0 * at)
    law = PairKernelLaw(argument="distance") if space == "free" else PairKernelLaw(argument="cosine", radius=1.0)
    LearnedField({"kernel": Term(law, {"argument": at, "phi": phi})}, 3, Moved("velocity")).write(tmp_path / "f.h5")
    if space == "sphere":
        places /= np.linalg.norm(places, axis=1)[:, None]

    def oracle(gas: Any) -> Array:
        x, force = gas.positions, np.zeros(gas.positions.shape)
        for i, j in np.ndindex(len(x), len(x)):
            r = np.linalg.norm(x[i] - x[j])
            value = np.exp(-r) * np.cos(3.0 * r) if space == "free" else np.exp(2.0 * (1.0 - 0.5 * r * r))
            force[i] += value * (x[j] - x[i])
        return force

    where = Free(dimensions=3) if space == "free" else Sphere(dimensions=3)
    force = {"kind": "learned", "file": str(tmp_path / "f.h5")}
    check_force(force, where, gas_of(places))
    built = Simulation(
        places, forces=[force], space=where.model_dump(), dynamics={"kind": "advection", "time_step": 0.1}
    )
    np.testing.assert_allclose(built.forces.force(built.gas), oracle(built.gas), atol=2e-5)


@pytest.mark.parametrize(
    ("model", "path", "message"),
    [
        ({}, np.arange(12.0).reshape(6, 1, 2), "a kernel acts between particles; there is 1 that acts"),
        ({}, np.arange(24.0).reshape(6, 2, 2), "the distance of all pairs is the same, 2.82843"),
        ({"argument": "cosine"}, np.random.default_rng(0).normal(size=(6, 3, 2)), "the cosine is the argument on"),
        ({"target": "force"}, np.random.default_rng(0).normal(size=(6, 3, 2)), "none were kept"),
        ({"splines": 90}, np.random.default_rng(0).normal(size=(6, 3, 2)), "30 equations for 90 coefficients"),
    ],
)
def test_a_kernel_that_cannot_be_learned_is_refused(model: dict[str, Any], path: Array, message: str) -> None:
    with pytest.raises(InputError, match=message):
        KernelModel(**model).fit(in_memory(path, h=0.1))
