"""The thermodynamics of next tokens of one model or of a series of models: numbers, JSON and pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gasfield.quantity import Quantity
from gasfield.sampling.thermodynamics.melting import CRITERION
from gasfield.sampling.thermodynamics.next_token import NextToken, functions_as_json
from gasfield.statistics.canonical import Array, Canonical

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from gasfield.plots.style import OnFailure

FUNCTIONS = ("energy", "entropy", "free_energy", "heat_capacity")


@dataclass(frozen=True)
class ModelThermo:
    """Next tokens of one model.

    Attributes:
        name: of the model or file.
        vocabulary: number of tokens V.
        tokens: one for each context.
    """

    name: str
    vocabulary: int
    tokens: tuple[NextToken, ...]

    def mean(self) -> tuple[Canonical, Canonical | None]:
        """U, S, F, C averaged over contexts, and their standard errors over contexts; None of a single one."""
        columns = [np.stack([getattr(token.functions, name) for token in self.tokens]) for name in FUNCTIONS]
        temperature = self.tokens[0].functions.temperature
        mean = Canonical(temperature, *(column.mean(axis=0) for column in columns))
        if len(self.tokens) == 1:
            return mean, None
        return mean, Canonical(temperature, *(column.std(axis=0, ddof=1) / len(column) ** 0.5 for column in columns))

    def melting_point(self) -> Quantity:
        """The mean over the contexts that have one, with its standard error over them."""
        found = [point for token in self.tokens if (point := token.scaling.melting_point) is not None]
        error = float(np.std(found, ddof=1) / len(found) ** 0.5) if len(found) > 1 else None
        return Quantity(float(np.mean(found)) if found else None, "1", error)

    def as_json(self) -> dict[str, Any]:
        """Means over contexts with their standard errors, and every context."""
        melting = [token.scaling.melting_point is not None for token in self.tokens]
        point: dict[str, Any] = self.melting_point().leaf() | {"criterion": CRITERION}
        point["contexts"] = Quantity(sum(melting), "1").leaf()
        if not any(melting):
            first = self.tokens[0].scaling.objection
            point["reason"] = (
                first if len(self.tokens) == 1 else f"no context meets the criterion; of the first: {first}"
            )
        return {
            "model": self.name,
            "vocabulary": Quantity(self.vocabulary, "1").leaf(),
            "kept": Quantity(max(token.scaling.states[-1] for token in self.tokens), "1").leaf(),
            "thermodynamics": functions_as_json(*self.mean()),
            "melting_point": point,
            "contexts": [token.as_json() for token in self.tokens],
        }


@dataclass(frozen=True)
class Thermo:
    """Exact thermodynamics of next tokens.

    Attributes:
        models: in the order given: one, or a series of checkpoints or quantisations.
        notes: what must be said.
    """

    models: tuple[ModelThermo, ...]
    notes: tuple[str, ...] = ()

    @property
    def temperatures(self) -> Array:
        """(K,)."""
        return self.models[0].tokens[0].functions.temperature

    def as_json(self) -> dict[str, Any]:
        """Of one model its numbers; of several, under "models", those of each."""
        parts = [model.as_json() for model in self.models]
        return (parts[0] if len(parts) == 1 else {"models": parts}) | {"notes": list(self.notes)}

    def figures(self) -> dict[str, Callable[[], Figure | SubFigure]]:
        """Every figure that applies, by name; drawn when it is called."""
        import gasfield.plots.spectra as pictures

        kept = [(model, token) for model in self.models for token in model.tokens if token.energies is not None]
        shown = [token for _, token in kept]
        series = len(self.models) > 1
        labels = [f"{model.name}: {token.context.text}" if series else token.context.text for model, token in kept]
        found: dict[str, Callable[[], Figure | SubFigure]] = {
            "heat_capacity": lambda: pictures.heat_capacities(shown, labels),
            "spectrum": lambda: pictures.spectra(shown, labels),
            "density_of_states": lambda: pictures.densities(shown, labels),
        }
        if any(len(model.tokens) > 2 for model in self.models):
            found["contexts"] = lambda: pictures.over_contexts(self.models)
        return found

    def plot_all(self, folder: Path, failed: OnFailure | None = None) -> list[Path]:
        """Writes every figure as a PNG file in a folder; see `gasfield.plots.style.save_all`."""
        from gasfield.plots.style import save_all

        return save_all(self.figures(), folder, failed)
