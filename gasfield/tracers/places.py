"""How a structure is oriented and where it is put: specifications of frames and places."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gasfield.spec import Spec

Finite = Annotated[float, Field(allow_inf_nan=False)]


class RandomFrame(Spec):
    """A random orthonormal frame (Haar measure), drawn with the seed of the run."""

    kind: Literal["random"] = "random"
    dimensions: Annotated[int, Field(ge=1)] | None = None
    """k; optional, must equal the dimension of the shape."""


class AxesFrame(Spec):
    """The first k coordinate axes, or the given axes."""

    kind: Literal["axes"] = "axes"
    axes: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    """k axis indices from 0."""


class PrincipalFrame(Spec):
    """The principal axes of a group, in order of decreasing variance."""

    kind: Literal["principal"] = "principal"
    of: str
    """Name of the group."""


class GivenFrame(Spec):
    """Given vectors, orthonormalised in their order (Gram-Schmidt)."""

    kind: Literal["given"] = "given"
    vectors: Annotated[tuple[tuple[Finite, ...], ...], Field(min_length=1)]
    """k vectors of D numbers."""


Frame = RandomFrame | AxesFrame | PrincipalFrame | GivenFrame


class CentroidPlace(Spec):
    """At the centroid of a group."""

    kind: Literal["centroid"] = "centroid"
    of: str
    """Name of the group."""
    offset: tuple[Finite, ...] | None = None
    """D numbers added to the position [length]."""


class PointPlace(Spec):
    """At a point."""

    kind: Literal["point"] = "point"
    at: tuple[Finite, ...]
    """D coordinates [length]."""


class RowPlace(Spec):
    """At one row of a group."""

    kind: Literal["row"] = "row"
    of: str
    """Name of the group."""
    row: Annotated[int, Field(ge=0)] | None = None
    """Index of the row within its group, from 0."""
    token: Annotated[int, Field(ge=0)] | None = None
    """Token id of the row, instead of its index."""
    offset: tuple[Finite, ...] | None = None
    """D numbers added to the position [length]."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.row is None) == (self.token is None):
            raise PydanticCustomError("row", "give either 'row' or 'token', not both")
        return self


class TokenPlace(Spec):
    """At one token of a text, by its place in it. In a trace that token is the host of the structure."""

    kind: Literal["token"] = "token"
    index: int = -1
    """Place of the token in the text, from 0; negative numbers count from its end."""
    of: str | None = None
    """Name of the group: the text. Not needed where there is one."""
    offset: tuple[Finite, ...] | None = None
    """D numbers added to the position [length]."""


class AheadPlace(Spec):
    """Ahead of a group: displaced from its centroid in the direction of the centroid's displacement since the start of
    the run or, before any motion, of the mean velocity."""

    kind: Literal["ahead"] = "ahead"
    of: str
    """Name of the group."""
    by: Finite
    """Distance; negative: behind the group [length]."""


Place = CentroidPlace | PointPlace | RowPlace | TokenPlace | AheadPlace
