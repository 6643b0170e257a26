"""The parts of a simulation: the gas, the bath, the forces and the dynamics, built from specifications."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gasfield.dynamics import Bath, Conditions, Dynamics, DynamicsSpec
from gasfield.errors import InputError, Note, about
from gasfield.forces import Force, ForceSpec, Surroundings, TotalForce, build_force
from gasfield.gas import Gas
from gasfield.scenario.acting import Acting
from gasfield.scenario.initial_state import InitialState
from gasfield.simulation.arrangement import Arrangement
from gasfield.simulation.learned import require_learned_for
from gasfield.simulation.touching import Rows, hand_over

Built = Mapping[int, tuple[Force | ForceSpec, Force]]
"""Number of a force -> what it was built from, and the force."""


@dataclass(frozen=True)
class Parts:
    """What moves, and everything that acts on it.

    Attributes:
        gas: the state.
        acting: what the rest was built from.
        bath: the temperatures; None where there is no bath.
        forces: the sum of all forces that are on.
        dynamics: the dynamics of the gas.
        built: all forces that were ever on.
    """

    gas: Gas
    acting: Acting
    bath: Bath | None
    forces: TotalForce
    dynamics: Dynamics
    built: Built


def build_parts(arrangement: Arrangement, law: DynamicsSpec, seed: int) -> Parts:
    """The parts at the start, checked to fit together.

    Args:
        arrangement: that of the start.
        law: specification of the dynamics.
        seed: of all random numbers.

    Raises:
        InputError: if they do not fit; its `parameter` says which ("forces.0", "dynamics", ...).
    """
    initial, acting = arrangement.initial, arrangement.acting
    gas = initial.gas()
    bath = _bath(acting, gas)
    total, built = _forces(acting, gas, initial, law)
    _give_velocities(gas, initial, law, bath)
    if initial.later and law.refuses_newcomers is not None:
        raise InputError(
            f"{law.refuses_newcomers}; use a law that moves every row by itself.",
            parameter=_place_of_the_first(arrangement),
        )
    with about("dynamics"):
        dynamics = law.build(gas, Conditions(initial.space, total, bath, seed))
    require_learned_for(total, law.fixed)
    dynamics.project(gas)
    dynamics.begin(gas)
    return Parts(gas, acting, bath, total, dynamics, built)


def rebuilt(parts: Parts, arrangement: Arrangement, law: DynamicsSpec, seed: int, gas: Gas | None = None) -> Parts:
    """The parts under another arrangement, with the same state.

    Args:
        parts: as they are.
        arrangement: who and what is there now.
        law: specification of the dynamics.
        seed: of all random numbers.
        gas: if particles are gone, the gas that is left.

    Raises:
        InputError: if what acts does not fit together.
    """
    kept = None if gas is None else np.flatnonzero(np.isin(parts.gas.ids, gas.ids))
    whole = parts.gas if gas is None else gas
    made = _made_again(parts, arrangement, law, seed, whole, always=kept is not None)
    if made.dynamics is not parts.dynamics:
        hand_over(parts.dynamics.state(), made.dynamics, kept)
    return made


def parts_of(ids: Rows, arrangement: Arrangement, law: DynamicsSpec, seed: int, built: Built) -> Parts:
    """The parts with the particles of some ids, in their order, without a state, which is to be restored.

    Raises:
        InputError: as `build_parts`.
    """
    initial = arrangement.initial
    gas = initial.everyone.select(ids)
    there = np.isfinite(gas.positions[:, :1])
    gas.positions = np.where(there, gas.positions, 0.0)
    if not law.has_velocities:
        gas.velocities = None
    elif gas.velocities is None:
        gas.velocities = np.zeros(gas.positions.shape)
    bath = _bath(arrangement.acting, gas)
    total, known = _forces(arrangement.acting, gas, initial, law, built)
    dynamics = _dynamics(law, gas, Conditions(initial.space, total, bath, seed))
    dynamics.project(gas)
    return Parts(gas, arrangement.acting, bath, total, dynamics, known)


def _made_again(
    parts: Parts, arrangement: Arrangement, law: DynamicsSpec, seed: int, gas: Gas, *, always: bool
) -> Parts:
    """The parts, built anew where something has changed."""
    acting, initial = arrangement.acting, arrangement.initial
    names = list(initial.everyone.names)
    warm = acting.temperature is parts.acting.temperature and names == parts.gas.names
    gas.names = names
    bath = parts.bath if warm else _bath(acting, gas)
    same = acting.numbered == parts.acting.numbered
    total, built = (parts.forces, parts.built) if same else _forces(acting, gas, initial, law, parts.built)
    dynamics = parts.dynamics
    if always or bath is not parts.bath or total is not parts.forces:
        dynamics = _dynamics(law, gas, Conditions(initial.space, total, bath, seed))
    return Parts(gas, acting, bath, total, dynamics, built)


def _dynamics(law: DynamicsSpec, gas: Gas, conditions: Conditions) -> Dynamics:
    """The dynamics of a gas whose state is handed over; what was noted at the start is not noted again."""
    with warnings.catch_warnings(), about("dynamics"):
        warnings.simplefilter("ignore", Note)
        dynamics = law.going_on.build(gas, conditions)
    return dynamics


def _bath(acting: Acting, gas: Gas) -> Bath | None:
    with about("temperature"):
        return None if acting.temperature is None else Bath(acting.temperature, gas.names)


def _forces(
    acting: Acting, gas: Gas, initial: InitialState, law: DynamicsSpec, known: Built | None = None
) -> tuple[TotalForce, Built]:
    """The sum of the forces that are on; those that have not changed are not built again."""
    built = dict(known or {})
    surroundings = Surroundings(initial.space, initial.find)
    for number, force in acting.numbered:
        if number in built and built[number][0] is force:
            continue
        with about("forces", number):
            one = build_force(force, surroundings) if isinstance(force, ForceSpec) else force
            one = one.with_precision(law.force_precision)
            one.check_gas(gas if gas.count else initial.everyone)
            built[number] = (force, one)
    on = [built[number][1] for number, _ in acting.numbered]
    return TotalForce(on, initial.space.dimensions), built


def _place_of_the_first(arrangement: Arrangement) -> str:
    """Where the first structure that comes later is given."""
    first = arrangement.initial.later[0].number
    if first < arrangement.base.structures:
        return f"tracers.{first}.plant_at"
    return f"events.{next(n for n, event in enumerate(arrangement.events) if event.plant is not None)}.plant"


def _give_velocities(gas: Gas, initial: InitialState, law: DynamicsSpec, bath: Bath | None) -> None:
    """Those of the start where the dynamics have any: its own, or drawn."""
    if not law.has_velocities:
        gas.velocities = None
    elif gas.velocities is None:
        with about("gas"):
            gas.velocities = initial.draw_velocities(gas, bath.at(gas.step) if bath else None)
