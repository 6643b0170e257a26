"""The interface of the models that are fitted, and what a fit gives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.learning.data import TrainingData
from gasfield.quantity import Quantity
from gasfield.registry import Registry
from gasfield.spec import Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

Figures = Mapping[str, "Callable[[], Figure | SubFigure]"]
"""Name -> a figure, drawn when it is called."""


@dataclass(frozen=True)
class Fitted:
    """What a model was fitted to.

    Attributes:
        terms: name -> law with its arrays; their sum is the field.
        moved: the motion that it was learned for.
        quantities: dotted key -> number of the fit: held-out error, coefficients, shares.
        notes: what must be said of it.
        bounded: whether the region that was sampled bounds what is known; false for laws that hold everywhere.
        dimensions: D; needed where there are no data.
    """

    terms: Mapping[str, Term]
    moved: Moved
    quantities: Mapping[str, Quantity]
    notes: tuple[str, ...] = ()
    bounded: bool = True
    dimensions: int | None = None


class FieldModel(Spec):
    """A model of a field, with what is to be chosen before it is fitted."""

    needs_data: ClassVar[bool] = True
    """Whether it is fitted to trajectories; else `fit` is given no data, and the specification holds what it needs."""
    needs_motion: ClassVar[bool] = True
    """Whether it is fitted to motion, so that at least three frames are needed; else one is enough."""

    tried: ClassVar[bool] = True
    """Whether `gasfield forecast` tries it without being asked: it takes seconds, and is made for any trajectory."""

    kind: str

    @abstractmethod
    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if the data do not suffice, with the numbers.
        """

    def simpler(self) -> Mapping[str, FieldModel]:
        """The model with one of its terms left out, by the name of the term; none by default."""
        return {}

    def figures(self, field: LearnedField) -> Figures:
        """Pictures of a field that this model was fitted to; none by default."""
        return {}


MODELS = Registry(
    "field model", FieldModel, package="gasfield.learning.models", shorthand=True,
    former_kinds={"emission-receptivity": "emission_receptivity"},
)  # fmt: skip
"""`kind` -> every model that can be fitted."""

AnyModel = Annotated[FieldModel, MODELS.by_kind]
"""Any registered model: its name, or a mapping with the key `kind`."""
