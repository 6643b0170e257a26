"""The temperature at which free particles diffuse as observed: Einstein's relation D = T / (gamma m) (1905), with the
exact mobility of the dynamics at their time step (`FreeDiffusion`) in place of 1/gamma."""

from __future__ import annotations

import numpy as np

from gasfield.diagnostics.group import Group
from gasfield.dynamics import FreeDiffusion
from gasfield.statistics.estimate import Estimate, missing

_MEMORIES = 5.0
"""Memories of velocities after which motion is called diffusive: the slope of the square displacement is then less than
a hundredth too small."""


def temperature_of_diffusion(group: Group, diffusion: Estimate, shortest: float, notes: list[str]) -> Estimate:
    """T = D m / mobility, for D about the centroid of the group, fitted over lags from the shortest [time] on;
    undefined, with a note, where it is not known."""
    free, reason = _free_diffusion(group)
    if free is not None and free.memory > 0 and shortest < _MEMORIES * free.memory:
        reason = (
            f"velocities are correlated over {free.memory:.3g}, and the lags of the fit begin at {shortest:.3g}: "
            "diffusion has not set in"
        )
    if free is None or reason:
        notes.append(f"transport.temperature: {reason}")
        return missing("energy")
    mass = float(group.masses[0])
    notes.append(f"transport.temperature is D m / {free.mobility:.6g}, exact for free particles at this time step")
    factor = mass / free.mobility * group.count / max(group.count - 1, 1)
    pseudo = None if diffusion.pseudo is None else factor * diffusion.pseudo
    return Estimate(factor * diffusion.value, "energy", pseudo, positive=diffusion.positive)


def _free_diffusion(group: Group) -> tuple[FreeDiffusion | None, str]:
    """The diffusion of free particles under the dynamics of the run, or why it is not that of this group."""
    run = group.origin.context
    if run is None:
        return None, "the dynamics are not known, so neither is the mobility"
    if np.ptp(group.masses) > 0:
        return None, "masses differ, and so do diffusion coefficients"
    if run.dynamics.free_diffusion is None:
        kind = run.dynamics.model_dump()["kind"]
        return (
            None,
            f"free particles do not diffuse in proportion to a temperature under {kind}, or it is not known how",
        )
    acting = [law for law in run.acting(group.name) if not law.uniform]
    if acting or run.space.wall_area > 0:
        what = ", ".join(str(law.model_dump()["kind"]) for law in acting) or "walls"
        return None, f"{what} change the mobility, so that diffusion gives no temperature"
    return run.dynamics.free_diffusion, ""
