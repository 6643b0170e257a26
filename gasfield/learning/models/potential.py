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
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.learning.basis import RIDGES, Basis, Frame, draw_features, length_scales, pairs_of_axes, shrink_features
from gasfield.learning.data import TrainingData
from gasfield.learning.model import FieldModel, Figures, Fitted
from gasfield.learning.motion import Motion, Scheme, mean_span, motion_of, samples, thinning
from gasfield.learning.normal_equations import DRAWS, NormalEquations, Solution
from gasfield.learning.quality import quality
from gasfield.learning.uncertainty import errors_at, force_of, interval_bias
from gasfield.quantity import Quantity
from gasfield.registry import register

Array = NDArray[np.float64]

_FEW_PAIRS = 100
"""Most pairs of axes of which every one has a stiffness of its own."""
_SHOWN = 2000
"""Places at which errors of force and energy are evaluated."""


@register
class PotentialModel(FieldModel):
    """A conservative field."""

    kind: Literal["potential"] = "potential"
    features: Literal["gaussian", "fourier"] = "gaussian"
    """Gaussians at places drawn from the sample, or random Fourier features."""
    count: int = Field(200, ge=1, le=5000)
    """Number of features."""
    length_scale: float | None = Field(None, gt=0.0, allow_inf_nan=False)
    """Of the features [length]; by cross-validation among multiples of the median distance if left out."""
    target: Literal["velocity", "force"] | None = None
    """What the field is; if left out, the force for runs with stored velocities, the velocity otherwise."""
    scheme: Scheme | None = None
    """Where the field is taken; if left out, half way for deterministic motion, and at the start otherwise."""

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if there are fewer equations than parameters, or velocities are missing.
        """
        assert data is not None
        motion = motion_of(data, self.target, self.scheme)
        places = data.sample()
        frame = Frame.of(places)
        widths = length_scales(places, data.seed) if self.length_scale is None else [self.length_scale]
        bases = self._bases(frame, places, widths, data.seed)
        best = _best_of(data, motion, bases) if len(bases) > 1 else 0
        basis = bases[best]
        (equations,) = conservative_equations(data, motion, [basis])
        found = _solved(basis, equations, seed=data.seed)
        stiffness = -_largest_slope(basis, found.coefficients[:, 0])
        notes = [*motion.notes]
        if stiffness <= 0.0:
            equations, found, said = _confined(basis, equations, found, motion, data.seed)
            stiffness = -_largest_slope(basis, found.coefficients[:, 0])
            notes.append(said)
        term = basis.term(found.coefficients[: basis.size, 0], _error_arrays(basis, equations, found))
        numbers = quality(found) | _numbers(term, places, data, motion, equations, found)
        numbers["length_scale"] = Quantity(widths[best], "length")
        numbers["least_stiffness"] = Quantity(stiffness, _unit(motion, "stiffness"))
        notes += _said_of_interval(numbers)
        if stiffness <= 0.0:
            notes.append("the energy does not confine outside the sample: the least stiffness is not positive")
        return Fitted({"potential": term}, Moved(motion.target), numbers, tuple(notes))

    def _bases(self, frame: Frame, places: Array, widths: Sequence[float], seed: int) -> list[Basis]:
        z, d = frame.inwards(places), len(frame.mean)
        pairs = pairs_of_axes(d, full=d * (d + 1) // 2 <= _FEW_PAIRS)
        return [Basis(frame, draw_features(self.features, self.count, z, width, seed), *pairs) for width in widths]

    def figures(self, field: LearnedField) -> Figures:
        """The energy in the plane of the leading axes, with its error."""
        from gasfield.learning.pictures import energy_figures

        return energy_figures(field, "potential")


def _best_of(data: TrainingData, motion: Motion, bases: Sequence[Basis]) -> int:
    """The basis of the least held-out error, over places thinned."""
    tried = conservative_equations(data, motion, bases, every=thinning(data))
    errors = [_solved(basis, sums, draws=0).held_out for basis, sums in zip(bases, tried, strict=True)]
    return 0 if np.isnan(errors).all() else int(np.nanargmin(errors))


def conservative_equations(
    data: TrainingData, motion: Motion, bases: Sequence[Basis], every: int = 1
) -> list[NormalEquations]:
    """The normal equations of each basis, in one pass over the data; with friction, its rate is the last parameter."""
    extra = int(motion.friction)
    equations = [NormalEquations(basis.size + extra, 1, data.block_count) for basis in bases]
    for part in samples(data, motion, every):
        for basis, sums in zip(bases, equations, strict=True):
            z, field = basis.frame.inwards(part.places), basis.frame.turned(part.field)
            drags = [] if part.drag is None else [basis.frame.turned(part.drag)]
            matrix, (right, *against) = basis.sums(z, field, *drags)
            for drag, column in zip(drags, against, strict=True):
                beside = column[:, None]
                matrix = np.block([[matrix, beside], [beside.T, np.vdot(drag, drag)]])
                right = np.append(right, np.vdot(drag, field))
            sums.add_sums(part.block, matrix, right[:, None], float(np.vdot(field, field)), field.size)
    return equations


def _solved(basis: Basis, equations: NormalEquations, seed: int = 0, draws: int = DRAWS) -> Solution:
    penalty = _penalty(basis, equations)
    return equations.solve(RIDGES, penalty=penalty, names="features and axes", seed=seed, draws=draws)


def _penalty(basis: Basis, equations: NormalEquations) -> Array:
    return shrink_features(equations.parameters, slice(basis.features.count))


def _confined(
    basis: Basis, equations: NormalEquations, found: Solution, motion: Motion, seed: int
) -> tuple[NormalEquations, Solution, str]:
    """The fit with the harmonic part that is fitted by itself."""
    k, p = basis.features.count, basis.size
    alone = equations.with_fixed(np.arange(k), np.zeros((k, 1))).solve([0.0], seed=seed)
    fixed, values = np.arange(k, p), alone.coefficients[: p - k]
    rest = equations.with_fixed(fixed, values)
    features = _solved(basis, rest, seed=seed)
    whole = [np.zeros((p + int(motion.friction), 1)) for _ in range(2)]
    for target, own, of_fixed in zip(
        whole, (features.coefficients, features.errors), (values, alone.errors[: p - k]), strict=True
    ):
        target[np.setdiff1d(np.arange(len(target)), fixed)], target[fixed] = own, of_fixed
    share = rest.square / equations.square
    text = (
        "the harmonic part of the best fit did not confine: it was fitted by itself, and the features to what is left "
        f"(held-out error {share * features.held_out:.6g} instead of {found.held_out:.6g})"
    )
    joined = replace(
        features,
        coefficients=whole[0],
        errors=whole[1],
        held_out=share * features.held_out,
        held_out_error=share * features.held_out_error,
        training=share * features.training,
    )
    return equations, joined, text


def _largest_slope(basis: Basis, coefficients: Array) -> float:
    """The largest eigenvalue of the matrix of the harmonic part."""
    return float(np.linalg.eigvalsh(basis.affine(coefficients[: basis.size])[1])[-1])


def _error_arrays(basis: Basis, equations: NormalEquations, found: Solution) -> dict[str, Array]:
    """What a file holds for the errors of force and energy: how each block moves the coefficients."""
    moves = equations.influences(found, _penalty(basis, equations))[:, : basis.size, 0]
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
