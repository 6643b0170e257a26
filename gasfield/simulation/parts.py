"""The parts of a simulation as it starts: the gas, the bath, the forces and the dynamics, built from specifications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gasfield.dynamics import Bath, Conditions, Dynamics, DynamicsSpec
from gasfield.errors import InputError, about
from gasfield.forces import Force, ForceSpec, Surroundings, TotalForce, build_force
from gasfield.gas import Gas
from gasfield.scenario.initial_state import InitialState
from gasfield.schedules import AnyTemperature
from gasfield.simulation.learned import require_learned_for


@dataclass(frozen=True)
class Parts:
    """What moves, and everything that acts on it.

    Attributes:
        gas: the state at the start.
        bath: the temperatures; None where there is no bath.
        forces: the sum of all forces.
        dynamics: the dynamics, begun on the gas.
    """

    gas: Gas
    bath: Bath | None
    forces: TotalForce
    dynamics: Dynamics


def build_parts(
    initial: InitialState,
    law: DynamicsSpec,
    forces: Sequence[Force | ForceSpec],
    temperature: AnyTemperature | None,
    seed: int,
) -> Parts:
    """The parts, checked to fit together.

    Args:
        initial: where the particles start.
        law: specification of the dynamics.
        forces: in the order in which they are added up, built or not.
        temperature: of the bath.
        seed: of all random numbers.

    Raises:
        InputError: if they do not fit; its `parameter` says which ("forces.0", "dynamics", ...).
    """
    gas = initial.gas()
    with about("temperature"):
        bath = None if temperature is None else Bath(temperature, gas.names)
    total = _total(forces, gas, Surroundings(initial.space, initial.find), initial.space.dimensions, law)
    _give_velocities(gas, initial, law, bath)
    if initial.later and law.refuses_newcomers is not None:
        place = f"tracers.{initial.later[0].number}.plant_at"
        raise InputError(f"{law.refuses_newcomers}; use a law that moves every row by itself.", parameter=place)
    with about("dynamics"):
        dynamics = law.build(gas, Conditions(initial.space, total, bath, seed))
    require_learned_for(total, law.fixed)
    dynamics.project(gas)
    dynamics.begin(gas)
    return Parts(gas, bath, total, dynamics)


def _total(
    forces: Sequence[Force | ForceSpec], gas: Gas, surroundings: Surroundings, dimensions: int, law: DynamicsSpec
) -> TotalForce:
    built: list[Force] = []
    for number, force in enumerate(forces):
        with about("forces", number):
            one = build_force(force, surroundings) if isinstance(force, ForceSpec) else force
            built.append(one.with_precision(law.force_precision))
            built[-1].check_gas(gas)
    return TotalForce(built, dimensions)


def _give_velocities(gas: Gas, initial: InitialState, law: DynamicsSpec, bath: Bath | None) -> None:
    """Those of the start where the dynamics have any: its own, or drawn."""
    if not law.has_velocities:
        gas.velocities = None
    elif gas.velocities is None:
        with about("gas"):
            gas.velocities = initial.draw_velocities(gas, bath.at(gas.step) if bath else None)
