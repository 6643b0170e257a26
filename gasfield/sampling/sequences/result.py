"""Thermodynamics of whole sequences over temperature, with errors: what is printed, stored and drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasfield.quantity import Quantity
from gasfield.statistics.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from gasfield.plots.style import OnFailure

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ChainQuality:
    """How well the chains of Boltzmann's law have mixed.

    Attributes:
        r_hat: (K,) the larger of bulk and tail, of the energies of the ladders.
        effective_size: (K,) independent energies that those of all ladders are worth.
        acceptance: (K,) share of accepted moves.
        exchange: (K - 1,) share of accepted exchanges between neighbours.
        round_trips: of all replicas together.
    """

    r_hat: Array
    effective_size: Array
    acceptance: Array
    exchange: Array
    round_trips: int

    def as_json(self) -> dict[str, Any]:
        """Every number as a leaf."""
        return {
            "r_hat": Quantity(self.r_hat.tolist(), "1").leaf(),
            "effective_size": Quantity(self.effective_size.tolist(), "sequences").leaf(),
            "acceptance": Quantity(self.acceptance.tolist(), "1").leaf(),
            "exchange_acceptance": Quantity(self.exchange.tolist(), "1").leaf(),
            "round_trips": Quantity(self.round_trips, "1").leaf(),
        }


@dataclass(frozen=True)
class SequenceThermodynamics:
    """Sequences of a fixed length at K temperatures under one law.

    Attributes:
        law: "ancestral" or "boltzmann".
        prompt_tokens: tokens of the prompt.
        length: tokens of a sequence L.
        forbid_end: whether tokens that end a text were impossible.
        chains: sequences at each temperature, or ladders.
        moves: of each chain; 0 for ancestral samples.
        seed: of all random numbers.
        temperatures: (K,).
        thermal: for each temperature the thermodynamics of whole sequences; see `measured.thermal`.
        structural: for each temperature the correlations; see `measured.structural`.
        distances: of the correlations [tokens].
        quality: of the chains; None for ancestral samples, which are independent.
        samples: for each temperature one sequence as text, or None without a tokenizer.
        notes: what must be said.
    """

    law: str
    prompt_tokens: int
    length: int
    forbid_end: bool
    chains: int
    moves: int
    seed: int
    temperatures: Array
    thermal: tuple[Mapping[str, Estimate], ...]
    structural: tuple[Mapping[str, Estimate], ...]
    distances: tuple[int, ...]
    quality: ChainQuality | None
    samples: tuple[str, ...] | None
    notes: tuple[str, ...]

    def quantity(self, name: str, per_token: bool = False) -> Quantity:
        """One of the thermal or scalar structural quantities over temperature, with errors."""
        scale = 1.0 / self.length if per_token else 1.0
        rows = [
            {**thermal, **structural}[name] for thermal, structural in zip(self.thermal, self.structural, strict=True)
        ]
        errors = [np.nan if row.error is None else float(row.error) * scale for row in rows]
        return Quantity([float(row.value) * scale for row in rows], rows[0].unit, errors)

    def as_json(self) -> dict[str, Any]:
        """`thermodynamics.*`, `observables.*` and `chains.*` as leaves of lists over temperature."""
        thermodynamics = {"temperature": Quantity(self.temperatures.tolist(), "1").leaf()}
        thermodynamics |= {name: self.quantity(name).leaf() for name in self.thermal[0]}
        thermodynamics["energy_per_token"] = self.quantity("energy", per_token=True).leaf()
        thermodynamics["entropy_rate"] = self.quantity("entropy", per_token=True).leaf()
        scalars = [name for name, found in self.structural[0].items() if found.value.ndim == 0]
        observables: dict[str, Any] = {name: self.quantity(name).leaf() for name in scalars}
        observables["distance"] = Quantity(list(self.distances), "tokens").leaf()
        curves = [name for name, found in self.structural[0].items() if found.value.ndim]
        observables |= {name: [row[name].quantity().leaf() for row in self.structural] for name in curves}
        chains: dict[str, Any] = {"count": self.chains, "moves": self.moves, "seed": self.seed}
        return {
            "law": self.law,
            "sequences": {
                "length": self.length,
                "prompt_tokens": self.prompt_tokens,
                "end": "forbidden" if self.forbid_end else "ordinary",
            },
            "thermodynamics": thermodynamics,
            "observables": observables,
            "chains": chains | ({} if self.quality is None else self.quality.as_json()),
            "samples": None if self.samples is None else list(self.samples),
            "notes": list(self.notes),
        }

    def figures(self) -> dict[str, Callable[[], Figure | SubFigure]]:
        """Every figure that applies, by name; drawn when it is called."""
        import gasfield.plots.sequences as pictures

        found: dict[str, Callable[[], Figure | SubFigure]] = {"thermodynamics": lambda: pictures.thermodynamics(self)}
        if self.distances:
            found["correlations"] = lambda: pictures.correlations(self)
        return found

    def plot_all(self, folder: Path, failed: OnFailure | None = None) -> list[Path]:
        """Writes every figure as a PNG file in a folder; see `gasfield.plots.style.save_all`."""
        from gasfield.plots.style import save_all

        return save_all(self.figures(), folder, failed)
