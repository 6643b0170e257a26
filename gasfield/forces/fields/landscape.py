"""An energy from data: E = -T log p(x), so that a gas at temperature T has the density p.

p is a sum of isotropic Gaussians, sum_k w_k N(x; c_k, s_k^2): one on each row of a recording (a kernel density
estimate), a mixture fitted to the rows, or given explicitly. With shares p_k(x) of the components in p

    F = T sum_k p_k (c_k - x)/s_k^2
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from scipy.special import logsumexp

from gasfield.errors import InputError
from gasfield.forces.base import Array, Finite, Force, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.fields.gaussian_wells import Width
from gasfield.forces.fields.mixture import Mixture, fit_mixture, kernel_density
from gasfield.forces.fields.soft_min import add_soft_min, square_distances
from gasfield.forces.strengths import PositiveStrength
from gasfield.forces.trainable import Part, Trainable
from gasfield.gas import require_finite
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register
from gasfield.streams import Seed
from gasfield.trajectory import Trajectory

Weight = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


@register
class Landscape(Trainable):
    """The energy whose equilibrium density is that of the data. Give `file` (rows of a recording) or `centres`."""

    kind: Literal["landscape"] = "landscape"
    temperature: PositiveStrength
    """T at which the density of a gas is p [energy]."""
    file: str | None = None
    """A recording whose rows are the data."""
    group: str | None = None
    """The group whose rows are used; all groups if left out."""
    step: Annotated[int, Field(ge=0)] = 0
    """The step of the rows."""
    components: Annotated[int, Field(ge=1)] | None = None
    """Number of Gaussians fitted to the rows; one on each row if left out."""
    bandwidth: Width | None = None
    """Width of the Gaussian on each row; by Scott's rule if left out [length]."""
    seed: Seed = 0
    """Of the start of the fit."""
    centres: Annotated[tuple[tuple[Finite, ...], ...], Field(min_length=1)] | None = None
    """c, D coordinates of each Gaussian [length]."""
    weights: tuple[Weight, ...] | None = None
    """w of each; they are normalised to a sum of 1. Equal if left out."""
    widths: Width | tuple[Width, ...] | None = None
    """s, one for all or one each [length]."""
    train: Annotated[tuple[Literal["centres", "weights", "widths"], ...], Field(min_length=1)] | None = None
    """Keys whose numbers an operation moves during the run, where `centres` are given; none if left out."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (self.centres is None):
            raise PydanticCustomError("landscape", "give either 'file' or 'centres', and not both")
        of_file = {"group", "step", "components", "bandwidth", "seed"}
        fields = type(self).model_fields
        given = {name for name in self.model_fields_set if getattr(self, name) != fields[name].default}
        stray = given & (of_file if self.file is None else {"weights", "widths"})
        if stray:
            source = "centres" if self.file is None else "file"
            text = f"with '{source}', '{min(stray)}' has no effect; remove it"
            raise PydanticCustomError("landscape", "{text}", {"text": text})
        if self.components is not None and self.bandwidth is not None:
            raise PydanticCustomError("landscape", "fitted components have their own widths; remove 'bandwidth'")
        if self.centres is not None and self.widths is None:
            raise PydanticCustomError("landscape", "the key 'widths' is missing: the widths of the Gaussians")
        if self.centres is None and self.train:
            raise PydanticCustomError("landscape", "a density estimated from a 'file' is not trained: give 'centres'")
        return self

    def build_field(self, surroundings: Surroundings) -> Force:
        """Builds the energy landscape.

        Raises:
            InputError: if numbers do not fit each other or the dimensions, the recording is missing or has no such
                rows, or the space is periodic.
        """
        surroundings.require_no_period("landscape")
        mixture = self.mixture(surroundings)
        temperature = float(self.temperature)
        heights, stiffnesses = -temperature * mixture.log_amplitudes(), temperature / mixture.widths**2
        numbers = (mixture.centres.T, mixture.centres, heights, stiffnesses, temperature)
        return ExternalForce("landscape", landscape, numbers, conservative=True)

    def parts(self, dimensions: int) -> dict[str, Part]:
        """With the shares p_k of the components in p and y = x - c: dU/dc = -T p_k y/s^2, dU/dw = -T (p_k/w_k - 1/W)
        with W the sum of the weights as they are given, and dU/ds = -T p_k (y^2/s^2 - D)/s."""
        mixture, temperature = self._given(dimensions), float(self.temperature)
        count, widths = len(mixture.centres), mixture.widths
        weights = one_each(1.0 if self.weights is None else self.weights, count, "weights")

        def shares(x: Array) -> Array:
            parts = mixture.log_parts(x)
            return np.asarray(np.exp(parts - logsumexp(parts, axis=1, keepdims=True)))

        def by_centre(x: Array) -> Array:
            pull = (-temperature * shares(x) / widths**2)[:, :, None] * (x[:, None, :] - mixture.centres)
            return pull.reshape(len(x), -1)

        def by_width(x: Array) -> Array:
            squares = np.stack([((x - centre) ** 2).sum(axis=1) for centre in mixture.centres], axis=1)
            return -temperature * shares(x) * (squares / widths**2 - dimensions) / widths

        def names(key: str) -> tuple[str, ...]:
            return tuple(f"{key}.{number}" for number in range(count))

        one_width = not isinstance(self.widths, tuple)
        return {
            "centres": Part(
                tuple(f"{name}.{j}" for name in names("centres") for j in range(dimensions)),
                mixture.centres.ravel(),
                by_centre,
            ),
            "weights": Part(
                names("weights"), weights, lambda x: -temperature * (shares(x) / weights - 1.0 / weights.sum()), True
            ),
            "widths": Part(
                ("widths",) if one_width else names("widths"),
                widths[:1] if one_width else widths,
                (lambda x: by_width(x).sum(axis=1, keepdims=True)) if one_width else by_width,
                True,
            ),
        }

    def with_values(self, values: Mapping[str, Array]) -> Self:
        """With other centres (M D,), weights (M,) or widths, one for all or (M,)."""
        changed: dict[str, Any] = {key: tuple(numbers.tolist()) for key, numbers in values.items()}
        if "centres" in values:
            changed["centres"] = tuple(map(tuple, values["centres"].reshape(len(self.centres or ()), -1).tolist()))
        if "widths" in changed and not isinstance(self.widths, tuple):
            changed["widths"] = changed["widths"][0]
        return self.model_copy(update=changed)

    def mixture(self, surroundings: Surroundings) -> Mixture:
        """The density p.

        Raises:
            InputError: as for `build`.
        """
        if self.centres is not None:
            return self._given(surroundings.dimensions)
        found = surroundings.find(str(self.file)).stat()
        unscaled = self.model_copy(update={"temperature": 1.0})
        return _estimated(unscaled, surroundings, (found.st_mtime_ns, found.st_size))

    def estimate(self, surroundings: Surroundings) -> Mixture:
        """The density p from the rows of the file.

        Raises:
            InputError: as for `build`.
        """
        points = self._rows(surroundings)
        try:
            if self.components is not None:
                return fit_mixture(points, self.components, self.seed)
            return kernel_density(points, self.bandwidth)
        except InputError as fault:
            raise InputError(f"{len(points)} rows of {self.file}: {fault}", parameter="file") from None

    def _given(self, dimensions: int) -> Mixture:
        centres = self.centres or ()
        places = [of_dimension(at, dimensions, f"centres.{n}") for n, at in enumerate(centres)]
        weights = one_each(1.0 if self.weights is None else self.weights, len(places), "weights")
        widths = one_each(1.0 if self.widths is None else self.widths, len(places), "widths")
        return Mixture(np.array(places), weights / weights.sum(), widths)

    def _rows(self, surroundings: Surroundings) -> Array:
        """(N, D) rows of the recording; particles that are planted after the step are left out."""
        with Trajectory(surroundings.find(str(self.file))) as recording:
            if recording.dimensions != surroundings.dimensions:
                raise InputError(
                    f"{recording.path}: rows have {recording.dimensions} dimensions, the space "
                    f"{surroundings.dimensions}."
                )
            gas = recording.gas(self.step)
            members = np.arange(gas.count) if self.group is None else recording.members(self.group)
        rows = gas.positions[members[gas.present(self.step)[members]]].astype(np.float64)
        if not len(rows):
            raise InputError(f"{self.file} has no rows of '{self.group}' at step {self.step}.", parameter="group")
        require_finite(rows, key="file")
        return rows


@lru_cache(maxsize=4)
def _estimated(law: Landscape, surroundings: Surroundings, stamp: tuple[int, int]) -> Mixture:
    """The density of a landscape, whatever its temperature; `stamp` tells versions of its file apart."""
    return law.estimate(surroundings)


def one_each(numbers: float | tuple[float, ...], count: int, key: str) -> Array:
    """One number for all, or a list with one each, as an array (count,).

    Raises:
        InputError: if the list has another length.
    """
    if isinstance(numbers, tuple) and len(numbers) != count:
        raise InputError(f"{len(numbers)} numbers are given for {count} centres.", parameter=key)
    return np.broadcast_to(np.array(numbers, np.float64), (count,))


@pointwise_kernel
def landscape(x, p, force):  # type: ignore[no-untyped-def]
    """-T log sum_k w_k N_k as a soft minimum of harmonic wells of stiffness T/s^2."""
    columns, centres, heights, stiffnesses, temperature = p
    squared = np.empty(heights.size)
    square_distances(x, columns, squared)
    return add_soft_min(x, centres, squared, heights, stiffnesses, temperature, force)
