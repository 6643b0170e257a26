"""An energy from data: E = -T log p(x), so that a gas at temperature T has the density p.

p is a sum of isotropic Gaussians, sum_k w_k N(x; c_k, s_k^2): one on each row of a recording (a kernel density
estimate), a mixture fitted to the rows, or given explicitly. With shares p_k(x) of the components in p

    F = T sum_k p_k (c_k - x)/s_k^2
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gasfield.errors import InputError
from gasfield.forces.base import Array, Finite, Force, ForceSpec, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.fields.gaussian_wells import Width
from gasfield.forces.fields.mixture import Mixture, fit_mixture, kernel_density
from gasfield.forces.fields.soft_min import add_soft_min, square_distances
from gasfield.forces.strengths import PositiveStrength
from gasfield.gas import require_finite
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register
from gasfield.streams import Seed
from gasfield.trajectory import Trajectory

Weight = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


@register
class Landscape(ForceSpec):
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
        return self

    def build(self, surroundings: Surroundings) -> Force:
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
