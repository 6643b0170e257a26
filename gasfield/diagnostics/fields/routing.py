"""How a router shares a gas among its experts: loads and entropies, at the end of a trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, GroupedResult, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import mean, missing
from gasfield.statistics.routing import Routing


@dataclass(frozen=True, kw_only=True)
class RoutingResult(GroupedResult):
    """Weights of M experts in the last frame.

    Attributes:
        load: (M,) the share of all weight that each expert has.

    Keys, each under `routing.`: `entropy` of the weights of a particle, mean [nats]; `load_entropy` of the loads
    [nats]; `specialisation`, their difference, which is the mutual information of particles and experts; `heaviest`,
    the greatest load times M; `free_energy`, the mean potential of the router, where it has one: of softmax over the
    chosen experts -T log sum exp(-E/T), which is <E> less T times the entropy [energy].
    """

    load: Values

    def arrays(self) -> dict[str, tuple[NDArray[np.float64], str]]:
        """The loads."""
        return {"load": (self.load, "1")}

    @classmethod
    def plot_grouped(cls, results: Sequence[Self], ax: Axes | None = None) -> Axes:
        """The loads of each group, the heaviest first."""
        from gasfield.plots.loads import loads

        return loads({result.group: np.sort(result.load)[::-1] for result in results}, ax)


@register
class RoutingDiagnostic(Diagnostic[RoutingResult]):
    """Load, entropy and free energy of the router of `experts`."""

    needs_run: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("routing.specialisation", "routing.heaviest")

    kind: Literal["routing"] = "routing"

    def objection(self, group: Group) -> str | None:
        """Needs exactly one force that routes, and rows."""
        if not len(group.steps) or not group.present().count:
            return "no row has a position throughout"
        nobody = group.gas(-1).select(np.empty(0, np.int64))
        routers = [force for force in group.forces if force.routing(nobody) is not None]
        if len(routers) != 1:
            return "no force routes the particles to experts" if not routers else "several forces route the particles"
        return None

    def measure(self, group: Group, notes: list[str]) -> RoutingResult:
        """Of all particles in the last frame."""
        gas = group.gas(-1)
        routed = ((force, force.routing(gas)) for force in group.forces)
        ((router, weights),) = ((force, weights) for force, weights in routed if weights is not None)
        found = Routing.of(weights)
        free_energy = mean(router.energy(gas), "energy") if router.conservative else missing("energy")
        if not router.conservative:
            notes.append("the router has no potential, so that there is no free energy")
        names = ("entropy", "load_entropy", "specialisation", "heaviest")
        estimates = {name: getattr(found, name) for name in names} | {"free_energy": free_energy}
        return RoutingResult(
            group=group.name,
            estimates={f"routing.{name}": estimate for name, estimate in estimates.items()},
            notes=tuple(notes),
            load=np.asarray(found.load.value),
        )
