"""The same diagnostics of one group in the real and the simulated trajectory, and their differences."""

from __future__ import annotations

from dataclasses import dataclass

from gasfield.comparison.alignment import Pair
from gasfield.comparison.hindcast import Hindcast
from gasfield.diagnostics.base import Result
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.kinematics.cloud import Cloud, CloudResult
from gasfield.diagnostics.kinematics.deformation import Deformation, DeformationResult
from gasfield.diagnostics.kinematics.motion import Motion, MotionResult
from gasfield.diagnostics.kinematics.step_length import StepLength, StepLengthResult
from gasfield.diagnostics.lattice.freezing import Freezing, FreezingResult
from gasfield.quantity import Quantity
from gasfield.statistics.estimate import Estimate
from gasfield.statistics.motion_decomposition import KINDS

COMPARED = {
    "centroid_norm": "centroid.norm",
    "radius": "radius.end",
    "straightness": "centroid.straightness",
    "step_length": "step_length.median",
    "frozen": "frozen.fraction",
    "unmoved": "unmoved.fraction",
    "stretch": "stretch.principal",
    "rotation": "rotation.angles",
    "in_frame_rotation": "rotation.in_frame",
    "d2min": "d2min.mean",
    "translation": "motion.translation",
    **{f"thermal_{kind}": f"motion.thermal.{kind}" for kind in KINDS[1:]},
}
"""Key of a comparison -> key of the diagnostic compared; some exist for structures only, some need enough rows."""


@dataclass(frozen=True)
class Side:
    """The diagnostics of one trajectory; None where one does not apply (a single frame, no structure)."""

    cloud: CloudResult
    step_length: StepLengthResult | None
    motion: MotionResult | None
    freezing: FreezingResult | None
    deformation: DeformationResult | None

    @classmethod
    def of(cls, group: Group, dimensions: int | None = None, *, mixed: bool = False) -> Side:
        """Computes them; `dimensions` is the dimension of the structure, common to both sides. The decomposition of
        motion is skipped for a mixed group, whose rows do not belong together."""
        moving = len(group.steps) > 1
        return cls(
            Cloud().compute(group),
            StepLength().compute(group) if moving else None,
            Motion(over_time=False).compute(group) if moving and not mixed else None,
            Freezing().compute(group) if moving else None,
            Deformation(dimensions=dimensions).compute(group) if len(group.bonds) else None,
        )

    @property
    def results(self) -> list[Result]:
        """The results that apply."""
        every = (self.cloud, self.step_length, self.motion, self.freezing, self.deformation)
        return [result for result in every if result is not None]

    @property
    def estimates(self) -> dict[str, Estimate]:
        """All estimates by key."""
        return {key: estimate for result in self.results for key, estimate in result.estimates.items()}


@dataclass(frozen=True)
class GroupComparison:
    """Comparison of one group, or of all rows combined.

    Attributes:
        pair: the aligned rows.
        hindcast: errors per row.
        real, simulated: diagnostics of both sides.
        floor: displacement error that the rounding of the gradients implies; None where they were not rounded.
    """

    pair: Pair
    hindcast: Hindcast
    real: Side
    simulated: Side
    floor: Estimate | None = None

    @classmethod
    def of(cls, pair: Pair, *, mixed: bool = False, floor: Estimate | None = None) -> GroupComparison:
        """Compares the two sides of a pair; `mixed` if its rows do not belong together."""
        real = Side.of(pair.real, mixed=mixed)
        dimensions = real.deformation.frame.shape[1] or None if real.deformation else None
        return cls(pair, Hindcast.of(pair), real, Side.of(pair.simulated, dimensions, mixed=mixed), floor)

    def quantities(self) -> dict[str, Quantity]:
        """Errors, then `KEY.real`, `KEY.simulated` and `KEY.difference` for each key of `COMPARED` that applies."""
        found = {key: estimate.quantity() for key, estimate in self.hindcast.estimates.items()}
        if self.floor is not None:
            found["rounding_floor"] = self.floor.quantity()
        real, simulated = self.real.estimates, self.simulated.estimates
        for key, source in COMPARED.items():
            if source in real and source in simulated:
                found[f"{key}.real"] = real[source].quantity()
                found[f"{key}.simulated"] = simulated[source].quantity()
                found[f"{key}.difference"] = (simulated[source] - real[source]).quantity()
        return found

    @property
    def notes(self) -> list[str]:
        """What is undefined or was omitted, and why."""
        notes = [*self.pair.notes, *self.hindcast.notes]
        for label, side in (("real", self.real), ("simulated", self.simulated)):
            silent = set(side.estimates).difference(COMPARED.values())  # not compared
            told = (note for result in side.results for note in result.notes if note.split(":")[0] not in silent)
            notes += [f"{label}: {note}" for note in told]
        return [f"{self.pair.name}: {note}" for note in dict.fromkeys(notes)]
