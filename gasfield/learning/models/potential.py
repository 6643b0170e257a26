"""A conservative field: the force is exactly the gradient of an energy.

    U(x) = sum_k c_k psi_k(x) - a . y - y . A y/2,    F = -grad U

psi_k are random Fourier features or Gaussians at places of the sample, whose length scale is chosen by blocked
cross-validation among multiples of the median distance of the sampled places. The harmonic part has all pairs of axes
where they are few, and one stiffness for each principal axis of the sample otherwise.

Outside the sample: the sum over features is bounded, so that the energy is that of the harmonic part up to a constant.
It confines where its stiffnesses are positive. If those of the best fit are not, the harmonic part is replaced by the
one that is fitted by itself - in equilibrium that is T times the inverse covariance, which is positive - and the
features are fitted to what is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.learning.data import TrainingData
from gasfield.learning.designs.basis import Basis, Frame, draw_features, pairs_of_axes
from gasfield.learning.designs.feature_model import FeatureModel
from gasfield.learning.designs.field_samples import Motion, mean_span, motion_of
from gasfield.learning.least_squares.normal_equations import NormalEquations, Solution
from gasfield.learning.least_squares.quality import quality
from gasfield.learning.least_squares.uncertainty import errors_at, force_of, interval_bias
from gasfield.learning.methods.calibration import held_out_forces
from gasfield.learning.methods.conservative import (
    best_of,
    conservative_equations,
    least_stiffness,
    penalty_of,
    solve_confining,
)
from gasfield.learning.model import Figures, Fitted
from gasfield.quantity import Quantity
from gasfield.registry import register

Array = NDArray[np.float64]

_FEW_PAIRS = 100
"""Most pairs of axes of which every one has a stiffness of its own."""
_SHOWN = 1000
"""Places at which errors of force and energy are evaluated."""


@register
class PotentialModel(FeatureModel):
    """A conservative field."""

    kind: Literal["potential"] = "potential"
    features: Literal["gaussian", "fourier"] = "gaussian"
    """Gaussians at places drawn from the sample, or random Fourier features."""

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if there are fewer equations than parameters, or velocities are missing.
        """
        assert data is not None
        motion = motion_of(data, self.target, self.scheme)
        places = data.sample()
        frame = Frame.of(places)
        widths = self.widths(places, data.seed)
        bases = self._bases(frame, places, widths, data.seed)
        best = best_of(data, motion, bases) if len(bases) > 1 else 0
        basis = bases[best]
        (equations,) = conservative_equations(data, motion, [basis])
        found, notes = solve_confining(basis, equations, seed=data.seed)
        stiffness = least_stiffness(basis, found)
        term = basis.term(found.coefficients[: basis.size, 0], _error_arrays(basis, equations, found))
        friction = float(found.coefficients[-1, 0]) if motion.friction else 0.0
        bins = held_out_forces(data, motion, term, equations.used, friction)
        term = Term(term.law, {**term.arrays, "held_out_forces": bins})
        numbers = quality(found) | _numbers(term, places, data, motion, equations, found)
        numbers["length_scale"] = Quantity(widths[best], "length")
        numbers["least_stiffness"] = Quantity(stiffness, _unit(motion, "stiffness"))
        notes = [*motion.notes, *notes, *_said_of_interval(numbers)]
        if stiffness <= 0.0:
            notes.append("the energy does not confine outside the sample: the least stiffness is not positive")
        return Fitted({"potential": term}, Moved(motion.target), numbers, tuple(notes))

    def _bases(self, frame: Frame, places: Array, widths: Sequence[float], seed: int) -> list[Basis]:
        z, d = frame.inwards(places), len(frame.mean)
        pairs = pairs_of_axes(d, full=d * (d + 1) // 2 <= _FEW_PAIRS)
        return [Basis(frame, draw_features(self.features, self.count, z, width, seed), *pairs) for width in widths]

    def figures(self, field: LearnedField) -> Figures:
        """The energy in the plane of the leading axes with its error, and held-out forces."""
        from gasfield.learning.pictures import energy_figures, force_figures

        return {**energy_figures(field, "potential"), **force_figures(field, "potential")}


def _error_arrays(basis: Basis, equations: NormalEquations, found: Solution) -> dict[str, Array]:
    """What a file holds for the errors of force and energy: how each block moves the coefficients."""
    moves = equations.influences(found, penalty_of(basis, equations))[:, : basis.size, 0]
    affine = [basis.affine(move) for move in moves]
    return {
        "amplitudes_by_block": moves[:, : basis.features.count],
        "offset_by_block": np.array([offset for offset, _ in affine]),
        "matrix_by_block": np.array([matrix for _, matrix in affine]),
    }


def _numbers(
    term: Term, places: Array, data: TrainingData, motion: Motion, equations: NormalEquations, found: Solution
) -> dict[str, Quantity]:
    """The size of force and energy over the sample with their errors, and the temperature of the noise."""
    shown = places[:: max(1, len(places) // _SHOWN)]
    force, energy = force_of(term).force_at(shown), force_of(term).energy_at(shown)
    force_error, energy_error = errors_at(term, shown)
    numbers = {
        "force_rms": Quantity(_rms(force), _unit(motion, "force")),
        "force_error": Quantity(_rms(force_error), _unit(motion, "force")),
        "energy_range": Quantity(float(np.ptp(energy)), _unit(motion, "energy")),
        "energy_error": Quantity(_rms(energy_error), _unit(motion, "energy")),
    }
    if motion.scheme == "forward":
        numbers |= _temperature(data, motion, equations, found)
        if motion.target == "velocity" and not motion.exact:
            temperature = float(np.asarray(numbers["temperature"].value))
            bias = interval_bias(force_of(term), shown, mean_span(data), temperature, data.seed)
            numbers["interval_bias"] = Quantity(_rms(bias), _unit(motion, "force"))
    return numbers


def _said_of_interval(numbers: Mapping[str, Quantity]) -> list[str]:
    """What must be said where the interval makes a larger error than the noise."""
    if "interval_bias" not in numbers:
        return []
    bias, error = (float(np.asarray(numbers[name].value)) for name in ("interval_bias", "force_error"))
    if not bias > error:
        return []
    return [
        f"the finite interval makes an error of the force of about {bias:.3g}, more than the statistical {error:.3g}: "
        "keep frames more often (there is no such error where each frame is one Euler step)"
    ]


def _temperature(
    data: TrainingData, motion: Motion, equations: NormalEquations, found: Solution
) -> dict[str, Quantity]:
    """What energies are compared with: T of the noise that is left over.

    Of a velocity, 2 T/h is the variance of the noise, so that T is the diffusion coefficient; of a force on a mass m,
    2 T m gamma/h.
    """
    noise = found.training * equations.square / found.samples
    if motion.target == "velocity":
        return {"temperature": Quantity(0.5 * mean_span(data) * noise, "length^2/time")}
    if not motion.friction:
        return {}
    rate = Quantity(float(found.coefficients[-1, 0]), "1/time", float(found.errors[-1, 0]))
    masses = np.concatenate([group.masses for group in data.groups])
    if rate.value is None or not float(found.coefficients[-1, 0]) > 0.0:
        return {"friction": rate}
    temperature = 0.5 * mean_span(data) * noise / (float(masses.mean()) * float(found.coefficients[-1, 0]))
    return {"friction": rate, "temperature": Quantity(temperature, "energy")}


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _unit(motion: Motion, what: Literal["force", "energy", "stiffness"]) -> str:
    if motion.target == "velocity":
        return {"force": "length/time", "energy": "length^2/time", "stiffness": "1/time"}[what]
    return {"force": "energy/length", "energy": "energy", "stiffness": "energy/length^2"}[what]
