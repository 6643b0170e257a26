"""An outside judge of ensembles: the package physical_validation reads our trajectory files and finds no fault in them.

Soft spheres of two masses, two to a cube as wide as their range, so that each pushes some eight others: U/N = 1.4 T,
and collisions last 0.25 (the Laplacian of U is 42 at T = 1, so the light ones swing at omega^2 = 14).

The package drops what looks like a start out of equilibrium and thins out what looks correlated, by itself. All seeds
are fixed, those of its bootstraps too, so that each test gives one number for ever. It returns distances in standard
errors: some 45 of them are asked for, and the largest of 45 normal ones exceeds 4 once in 350 times.

P. T. Merz and M. R. Shirts, PLoS ONE 13, e0202764 (2018); M. R. Shirts, J. Chem. Theory Comput. 9, 909 (2013).
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gasfield.runs import simulate
from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation
from gasfield.trajectory import Trajectory

THERE = find_spec("physical_validation") is not None
pytestmark = [pytest.mark.validate, pytest.mark.skipif(not THERE, reason="needs the extra `gasfield[validate]`")]
ensemble, integrator, kinetic_energy, judged = (
    importlib.import_module(f"physical_validation.{name}") if THERE else None
    for name in ("ensemble", "integrator", "kinetic_energy", "data")
)

LIGHT, HEAVY = 64, 32
COUNT = LIGHT + HEAVY
TEMPERATURE = 1.0
WARM = 20
"""Samples left out: a gas that starts evenly spread has more energy than its bath, and loses it in about one sample."""
DEVIATION = 4.0
"""Standard errors: see above."""
CHANCE = 1e-3
"""Of a Kolmogorov-Smirnov test of the right law; there are three."""

LAWS: dict[str, tuple[dict[str, Any], int, int]] = {
    "langevin": ({"scheme": "baoab", "time_step": 0.01, "friction": 2.0}, 100, 2000),
    "nose_hoover": ({"time_step": 0.02, "relaxation_time": 0.3}, 75, 2000),
    "hmc": ({"time_step": 0.05, "leapfrog_steps": 15, "accept": "gas"}, 3, 3000),
}
"""Each law, the steps between samples, and how many samples are taken.

A sample later little is left of what the energies were: correlations are below 0.1 after one unit of time under
Langevin's law and below 0.05 after three proposals under HMC; under Nose and Hoover's the kinetic energy swings with
the thermostat, and the package thins it out.

The schemes are not exact. BAOAB makes kinetic energies too small by (h omega)^2/4, 0.04 % for the light particles,
where 2000 samples tell 0.2 % (one standard error, sqrt(2/(288 * 2000))). A Nose-Hoover chain holds the mean kinetic
energy itself; what is too large is the temperature of the places, by (h omega)^2/4 = 0.14 %, and nearly alike at both
temperatures, where their difference is known within 2 %. HMC has no such error.
"""


def write_scenario(path: Path, dynamics: dict[str, Any], every: int, samples: int, **changes: Any) -> None:
    groups = [
        {"name": "light", "from": {"kind": "uniform", "count": LIGHT}},
        {"name": "heavy", "from": {"kind": "uniform", "count": HEAVY}, "mass": 4.0},
    ]
    scenario = {
        "title": "soft spheres",
        "question": "Would others call this ensemble canonical?",
        "seed": 1,
        "space": {"kind": "periodic", "dimensions": 3, "side": 3.6},
        "gas": groups,
        "forces": [{"kind": "soft_repulsion", "strength": 4.0, "cutoff": 1.0}],
        "dynamics": dynamics,
        "run": {"steps": every * (WARM + samples), "record_every": every},
        **changes,
    }
    path.write_text(yaml.safe_dump(scenario))


Runs = Callable[..., Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Runs a scenario once: run(dynamics, every, samples, temperature=...) -> trajectory file."""
    folder = tmp_path_factory.mktemp("soft-spheres")
    made: dict[str, Path] = {}

    def make(dynamics: dict[str, Any], every: int, samples: int, **changes: Any) -> Path:
        key = repr((dynamics, every, samples, changes))
        if key not in made:
            scenario, made[key] = folder / f"{len(made)}.yaml", folder / f"{len(made)}.h5"
            write_scenario(scenario, dynamics, every, samples, **changes)
            simulate(Simulation.from_scenario(load_scenario(scenario)), made[key])
        return made[key]

    return make


@pytest.fixture(scope="module")
def thermal(run: Runs) -> Runs:
    """thermal(law, temperature) -> trajectory file."""

    def make(law: str, temperature: float = TEMPERATURE) -> Path:
        dynamics, every, samples = LAWS[law]
        return run({"kind": law, **dynamics}, every, samples, temperature=temperature)

    return make


@pytest.fixture(scope="module")
def conserving(run: Runs) -> Callable[[str], list[Path]]:
    """conserving(law) -> three trajectory files, with time steps h, h/2 and h/4."""

    def make(law: str) -> list[Path]:
        thermostat = {"relaxation_time": 0.3} if law == "nose_hoover" else {}
        bath = {"temperature": TEMPERATURE} if law == "nose_hoover" else {}
        return [
            run({"kind": law, "time_step": STEP / finer, **thermostat}, SAMPLING * finer, 1500, **bath)
            for finer in (1, 2, 4)
        ]

    return make


def read(path: Path, temperature: float | None = None, speeds: np.ndarray | float = 1.0) -> Any:
    """A trajectory file in the words of physical_validation.

    Args:
        path: the file.
        temperature: what it is claimed to be; as the file has it if left out.
        speeds: (N, 1) factors by which velocities are falsified.
    """
    with Trajectory(path) as file:
        count, kept = file.count, slice(WARM, None)
        energies = {name: count * file.observable(f"{name}_energy").values[kept] for name in ("kinetic", "potential")}
        conserved = file.observable("conserved").values[kept] if "conserved" in file.observables else None
        if temperature is None:
            temperature = float(file.observable("temperature").values[0])
        lost = 3 * count - int(file.attributes["degrees_of_freedom"])
        system = judged.SystemData(
            natoms=count,
            nconstraints=0,
            ndof_reduction_tra=lost,
            ndof_reduction_rot=0,
            mass=file.masses,
            molecule_idx=np.arange(count),
            nconstraints_per_molecule=np.zeros(count),
        )
        system.ndof_per_molecule = shares(file.masses, lost)
        return judged.SimulationData(
            units=judged.UnitData(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
            dt=(file.times[1] - file.times[0]) / (file.steps[1] - file.steps[0]),
            system=system,
            ensemble=judged.EnsembleData(
                "NVT", natoms=count, volume=float(np.prod(file.periods)), temperature=temperature
            ),
            observables=judged.ObservableData(
                kinetic_energy=energies["kinetic"],
                potential_energy=energies["potential"],
                total_energy=energies["kinetic"] + energies["potential"],
                constant_of_motion=conserved,
            ),
            trajectory=judged.TrajectoryData(file.positions(frames=kept), speeds * file.velocities(frames=kept)),
        )


def shares(masses: np.ndarray, lost: float) -> list[dict[str, float]]:
    """Degrees of freedom of each particle.

    A momentum that is kept takes them by mass, <m v^2> = T (1 - m/M); left to itself, the package takes them evenly,
    which is wrong by 0.5 % for the heavy particles here.
    """
    none = dict.fromkeys(("rotational and internal", "rotational", "internal"), 0.0)
    return [{"total": own, "translational": own, **none} for own in 3.0 - lost * masses / masses.sum()]


def equipartition(data: Any) -> np.ndarray:
    """(5, 2) deviations of T from mean and width: of the gas, of two halves by lot, of the light and of the heavy."""
    with redirect_stdout(io.StringIO()):  # it says that atoms do not rotate, however quiet it is told to be
        found = kinetic_energy.equipartition(
            data,
            molec_groups=[list(range(LIGHT)), list(range(LIGHT, COUNT))],
            random_divisions=1,
            random_groups=2,
            random_division_seed=1,
            bootstrap_seed=1,
            verbosity=0,
        )
    return np.array(found)[::2]  # every other one is that of the translations, which for atoms are all there is


# --- kinetic energy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
def test_kinetic_energies_are_canonical(law: str, thermal: Runs) -> None:
    """Maxwell's law for 288 degrees of freedom, 285 where momentum is kept; a bath 5 % warmer is refused.

    The mean tells 0.2 % and the width 2 %, so 5 % are 25 standard errors of the mean, less where the data were thinned.
    """
    data = read(thermal(law))
    assert kinetic_energy.distribution(data, strict=True, verbosity=0) > CHANCE
    assert max(kinetic_energy.distribution(data, verbosity=0, bootstrap_seed=1)) < DEVIATION
    warmer = read(thermal(law), 1.05 * TEMPERATURE)
    assert kinetic_energy.distribution(warmer, strict=True, verbosity=0) < 1e-10
    assert kinetic_energy.distribution(warmer, verbosity=0, bootstrap_seed=1)[0] > 10.0


def test_kinetic_energies_of_a_lonely_gas_are_not_canonical(conserving: Callable[[str], list[Path]]) -> None:
    """Negative control: without a bath they vary too little, by sqrt(C_U/C), though their own mean is the temperature.

    C_U is some 0.4 N and C_K = 1.5 N: the width is less than half of what it should be. Some 300 of the samples are
    independent; the cumulative distributions differ by 0.2, which as many show by chance once in 10^10.
    """
    file = conserving("newton")[-1]
    kinetic = read(file, TEMPERATURE).observables.kinetic_energy
    data = read(file, 2.0 * kinetic.mean() / (3 * COUNT - 3))
    mean, width = kinetic_energy.distribution(data, verbosity=0, bootstrap_seed=1)
    assert mean < DEVIATION
    assert width > 10.0
    assert kinetic_energy.distribution(data, strict=True, verbosity=0) < 1e-6


@pytest.mark.parametrize("law", LAWS)
def test_kinetic_energy_is_shared_out_evenly(law: str, thermal: Runs) -> None:
    """Every part of the gas has the same temperature; a third that is 5 % too fast is found, and the total hides it.

    The heavy third has 96 degrees of freedom and tells its temperature within sqrt(2/(96 * 2000)) = 0.3 %; in the
    control it is 10 % too hot, and the light are slower by as much as keeps the total right on average.
    """
    assert equipartition(read(thermal(law))).max() < DEVIATION
    fast, share = 1.05, HEAVY / COUNT
    slow = np.sqrt((1.0 - share * fast**2) / (1.0 - share))
    speeds = np.repeat([slow, fast], [LIGHT, HEAVY])[:, None]
    whole, _, _, light, heavy = equipartition(read(thermal(law), speeds=speeds))
    assert whole[0] < DEVIATION
    assert light[0] > 10.0
    assert heavy[0] > 10.0


# --- two temperatures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
def test_two_temperatures_differ_as_boltzmann_says(law: str, thermal: Runs) -> None:
    """ln P_2(E)/P_1(E) is a line of slope 1/T_1 - 1/T_2, of the potential as of the total energies.

    The second temperature is the one that the package suggests: 2 T^2/sigma_U = 0.3 T away. There the slope of the
    potential energies, 0.23, is told within 0.01, that of the total ones within 0.02. If the colder bath is
    claimed to be 5 % colder than it is, the slope should be 0.05 larger.
    """
    cold = read(thermal(law))
    interval = ensemble.estimate_interval(cold, verbosity=0)["dT"]
    hot = read(thermal(law, round(float(TEMPERATURE + interval), 2)))
    assert deviation(cold, hot) < DEVIATION
    assert deviation(cold, hot, total=True) < DEVIATION
    assert deviation(read(thermal(law), 0.95 * TEMPERATURE), hot) > DEVIATION


def deviation(one: Any, other: Any, *, total: bool = False) -> float:
    """Standard errors between the slope and what the claimed temperatures say."""
    return ensemble.check(one, other, total_energy=total, verbosity=0)[0]


# --- time step --------------------------------------------------------------------------------------------------------

STEP = 0.005
"""The largest. The third derivative of the potential jumps where two spheres begin to touch; at every such encounter a
little energy is lost or won for good: a random walk that shrinks faster than h^2, the law of the fluctuations. It is
most of the error at h = 0.04, still seen at 0.01 under Nose and Hoover's law, and gone at 0.005."""
SAMPLING = 10
"""Steps of that length between samples."""
RATIO = 0.15
"""Relative error allowed of a ratio of fluctuations: see below."""


@pytest.mark.parametrize("law", ["newton", "nose_hoover"])
def test_fluctuations_of_what_is_kept_fall_as_the_square_of_the_time_step(
    law: str, conserving: Callable[[str], list[Path]]
) -> None:
    """Half the step, a quarter of the fluctuations; a term of first order is found.

    `convergence` returns the largest relative distance of the ratios of rms fluctuations from 4. The runs go different
    ways after a few collisions, so each rms is an estimate of its own, of 1500 samples of which half count: that is
    1/sqrt(1500) = 2.6 %. A ratio is then told within 3.7 %, of which `RATIO` is four.
    In the control the kinetic energy is taken half a step too early, as by a leapfrog whose velocities are not brought
    to the time of its places: K - (h/2) dK/dt. Then half the step is half the fluctuations, and the distance is 0.5.
    """
    runs = [read(path, TEMPERATURE) for path in conserving(law)]
    assert integrator.convergence(runs, verbose=False) < RATIO
    for data in runs:
        power = np.gradient(data.observables.kinetic_energy, SAMPLING * STEP)
        data.observables.constant_of_motion -= 0.5 * data.dt * power
    assert integrator.convergence(runs, verbose=False) > 2.0 * RATIO
