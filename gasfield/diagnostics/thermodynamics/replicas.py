"""Replicas of a gas at a ladder of temperatures: how well they exchange, and what follows from all of them together.

The free energies are those of configurations. With f = F/T, f_k - f_0 = -log Z(T_k)/Z(T_0) follows from the energies of
all replicas by MBAR (`statistics/mbar.py`), per particle; the velocities, if there are any, add -(D/2) log(T_k/T_0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Scope, Values, spread_over
from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.equilibrium import equilibrium_part
from gasfield.errors import InputError
from gasfield.operations.replica_exchange import POOR
from gasfield.registry import register
from gasfield.statistics.correlation import FEWEST, integrated_time
from gasfield.statistics.estimate import Estimate, exact, missing, stated
from gasfield.statistics.mbar import Mbar


@dataclass(frozen=True, kw_only=True)
class ReplicasResult(Result):
    """A ladder of K temperatures.

    Keys: `replicas.temperature` (K,), ascending; `replicas.acceptance` (K - 1,) of exchanges between neighbours;
    `replicas.round_trips`, and `replicas.round_trip_time`, the mean time of a walker from the lowest temperature to the
    highest and back; `replicas.free_energy` (K,), F_k/T_k - F_0/T_0 of the configurations by MBAR, per particle;
    `replicas.overlap` (K - 1,), what neighbours share of their samples: .5 for two equal states alone.
    """

    @property
    def drawable(self) -> bool:
        """Whether acceptances are known."""
        return bool(np.isfinite(self.estimates["replicas.acceptance"].value).any())

    def draw(self, ax: Axes | None = None) -> Axes:
        """Acceptance and overlap between the temperatures of the ladder."""
        from gasfield.plots.ladder import ladder

        found = {name: self.estimates[f"replicas.{name}"] for name in ("acceptance", "overlap")}
        known = {name: np.atleast_1d(each.value) for name, each in found.items() if np.isfinite(each.value).all()}
        return ladder(np.atleast_1d(self.estimates["replicas.temperature"].value), known, POOR, ax)


@register
class Replicas(Diagnostic[ReplicasResult]):
    """Exchanges between the replicas of a gas at different temperatures, and free energies between these."""

    scope: ClassVar[Scope] = Scope.WHOLE
    needs_run: ClassVar[bool] = True
    throughout: ClassVar[bool] = False

    kind: Literal["replicas"] = "replicas"
    samples: int = Field(4000, ge=10)
    """Energies of each replica that enter the free energies, at most."""

    def objection(self, group: Group) -> str | None:
        """Needs replicas, with constant temperatures in the end and frames."""
        parts = _replicas(group)
        if not len(group.steps):
            return "there are no frames"
        for part in parts:
            equilibrium_part(part)  # which is refused below if the ladder moved until the end
        return None

    def measure(self, group: Group, notes: list[str]) -> ReplicasResult:
        """Numbers of exchanges at the end, and free energies from the frames in equilibrium."""
        parts = _replicas(group)
        temperatures = np.array([_temperature(part) for part in parts])
        estimates = {"temperature": Estimate(temperatures, "energy")} | _exchanges(group, parts, notes)
        estimates |= _free_energies(parts, temperatures, self.samples, notes)
        return ReplicasResult(
            group=group.name,
            estimates={f"replicas.{name}": estimate for name, estimate in estimates.items()},
            notes=tuple(notes),
        )


def _replicas(group: Group) -> list[Group]:
    """The groups that are replicas, the coldest first.

    Raises:
        NotApplicable: if there are none, or their temperature changes until the end.
    """
    names = {name for operation in group.run.operations for name in operation.replicas(group.run.groups)}
    parts = [part for part in group.parts if part.name in names]
    if not parts:
        raise NotApplicable("no replicas exchange")
    try:
        return sorted(parts, key=_temperature)
    except ValueError as changing:
        raise NotApplicable(str(changing)) from None


def _temperature(part: Group) -> float:
    temperature = equilibrium_part(part).temperature
    if temperature is None:
        raise NotApplicable("the temperatures of the replicas are not known")
    return temperature


def _exchanges(group: Group, parts: Sequence[Group], notes: list[str]) -> dict[str, Estimate]:
    """Acceptances and round trips, as they were counted until the end."""
    counted = [part.series.get("exchanged") for part in parts[:-1]]
    accepted = np.array([np.nan if series is None else series.values[-1] for series in counted])
    notes += [
        f"{parts[pair].name} and {parts[pair + 1].name} exchange in {accepted[pair]:.2g} of the attempts, less than "
        f"{POOR:g}: they are nearly separate; put temperatures between them"
        for pair in np.flatnonzero(accepted < POOR).tolist()
    ]
    if not np.isfinite(accepted).all():
        notes.append("some neighbours have not tried to exchange before the last observation")
    trips, walkers = (group.series.get(name) for name in ("round_trips", "walkers"))
    if trips is None or walkers is None:
        notes.append("round trips are not known")
        return {"acceptance": Estimate(accepted, "1"), "round_trips": missing("1"), "round_trip_time": missing("time")}
    number = float(trips.values[-1])
    if not number:
        notes.append("no walker has made a round trip, so that its time is unknown")
    since = max((equilibrium_part(part).time for part in parts), default=0.0) if number else 0.0
    start = trips.values[np.searchsorted(trips.times, since)] if number else 0.0
    late, elapsed = number - float(start), float(trips.times[-1]) - since
    time = exact(elapsed * walkers.values[-1] / late, "time") if late > 0.0 else missing("time")
    if number and late <= 0.0:
        notes.append("no round trip ended in the part of the run that is averaged, so that its time is unknown")
    return {"acceptance": Estimate(accepted, "1"), "round_trips": exact(number, "1"), "round_trip_time": time}


def _free_energies(parts: Sequence[Group], temperatures: Values, most: int, notes: list[str]) -> dict[str, Estimate]:
    """Of the replicas, relative to the coldest, per particle; and what neighbours share."""
    unknown = {
        "free_energy": Estimate(np.full(len(parts), np.nan), "1"),
        "overlap": Estimate(np.full(len(parts) - 1, np.nan), "1"),
    }
    try:
        samples = [_energies(part, most) for part in parts]
        found = Mbar.of_temperatures([energies for energies, _ in samples], temperatures)
    except (InputError, NotApplicable) as reason:
        notes.append(f"no free energies: {reason}")
        return unknown
    share = 1.0 / samples[0][1]
    fewest = min(len(energies) for energies, _ in samples)
    notes.append(f"free energies by MBAR from {fewest} energies of each replica, in frames a correlation time apart")
    return {
        "free_energy": stated(share * found.free_energies, share * found.errors[0], "1"),
        "overlap": Estimate(np.diagonal(found.overlap, 1).copy(), "1"),
    }


def _energies(part: Group, most: int) -> tuple[Values, int]:
    """Independent energies of a replica: of its particles, or of all of them where they interact; and the number of
    particles in each.

    Raises:
        NotApplicable: if too few frames are in equilibrium.
    """
    forces = part.forces
    frames = np.flatnonzero(part.steps >= equilibrium_part(part).step)
    if len(frames) < FEWEST:
        raise NotApplicable(f"{part.name} has {len(frames)} frames in equilibrium; at least {FEWEST} are needed")
    chosen = frames[spread_over(len(frames), max(most, 2 * FEWEST))]
    energies = np.array([forces.energy(part.gas(frame)) for frame in chosen.tolist()])
    if forces.interacting:
        energies = energies.sum(axis=1, keepdims=True)
    apart = max(1, int(np.ceil(integrated_time(energies))))
    kept = energies[::apart].ravel()
    return kept[spread_over(len(kept), most)], part.count if forces.interacting else 1
