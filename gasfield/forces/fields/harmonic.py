"""A harmonic well: U = 1/2 sum_j k_j (x_j - c_j)^2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from gasfield.forces.base import Array, Finite, Force, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.strengths import NotNegative
from gasfield.forces.trainable import Part, Trainable
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register


@register
class Harmonic(Trainable):
    """Pulls every particle to a centre, proportionally to its distance along each coordinate."""

    kind: Literal["harmonic"] = "harmonic"
    stiffness: NotNegative | tuple[NotNegative, ...]
    """k, or one k for each coordinate; 0 for a free coordinate [energy/length^2]."""
    centre: tuple[Finite, ...] | None = None
    """c, D coordinates; the origin if left out [length]."""

    train: Annotated[tuple[Literal["centre", "stiffness"], ...], Field(min_length=1)] | None = None
    """Keys whose numbers an operation moves during the run; none if left out."""

    def build_field(self, surroundings: Surroundings) -> Force:
        """Builds the well.

        Raises:
            InputError: if numbers do not fit the dimensions, or the space is periodic.
        """
        surroundings.require_no_period("harmonic")
        return ExternalForce("harmonic", harmonic, self._numbers(surroundings.dimensions), conservative=True)

    def parts(self, dimensions: int) -> dict[str, Part]:
        """dU/dc_j = -k_j y_j and dU/dk_j = y_j^2/2 with y = x - c; of one k for all coordinates, the sum."""
        stiffness, centre = self._numbers(dimensions)

        def by_stiffness(places: Array) -> Array:
            squares = 0.5 * (places - centre) ** 2
            return squares if isinstance(self.stiffness, tuple) else squares.sum(axis=1, keepdims=True)

        names = [f"stiffness.{j}" for j in range(dimensions)] if isinstance(self.stiffness, tuple) else ["stiffness"]
        return {
            "centre": Part(
                tuple(f"centre.{j}" for j in range(dimensions)), centre, lambda x: -stiffness * (x - centre)
            ),
            "stiffness": Part(tuple(names), stiffness[: len(names)], by_stiffness, positive=True),
        }

    def with_values(self, values: Mapping[str, Array]) -> Self:
        """With another centre, stiffness, or both."""
        changed: dict[str, Any] = {key: tuple(numbers.tolist()) for key, numbers in values.items()}
        if "stiffness" in changed and not isinstance(self.stiffness, tuple):
            changed["stiffness"] = changed["stiffness"][0]
        return self.model_copy(update=changed)

    def _numbers(self, dimensions: int) -> tuple[Array, Array]:
        """k (D,) and c (D,)."""
        stiffness = self.stiffness if isinstance(self.stiffness, tuple) else (self.stiffness,) * dimensions
        return of_dimension(stiffness, dimensions, "stiffness"), of_dimension(self.centre, dimensions, "centre")


@pointwise_kernel
def harmonic(x, p, force):  # type: ignore[no-untyped-def]
    """F_j = -k_j (x_j - c_j), Laplacian = sum_j k_j; the force has a loop of its own, which vectorises."""
    stiffness, centre = p
    for j in range(x.size):
        force[j] -= stiffness[j] * (x[j] - centre[j])
    energy, laplacian = 0.0, 0.0
    for j in range(x.size):
        away = x[j] - centre[j]
        energy += 0.5 * stiffness[j] * away * away
        laplacian += stiffness[j]
    return energy, laplacian
