"""Is the spectrum of a next token one lowest state, a gap and a Zipf tail? Out of sample, for two hundred prompts.

    python docs/studies/gap_and_tail.py [MODEL]     writes gap-and-tail.md and ../figures/gap-and-tail.png

Both laws, E_i = E_1 + gap + s ln i and Gaussian energies above one lowest state, have two numbers, fitted to the ranks
10 to 1,000. Everything else is predicted: C(T), ranks 2 to 9 and 1,001 to 49,152, the weight of the likeliest token,
and the temperature above which a tenth of the samples come from beyond rank 1,000.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from gap_and_tail_page import Measured, write
from gap_and_tail_trial import RATIOS, Trial, cut_entropies, try_laws
from numpy.typing import NDArray
from smollm2 import open_smollm2

from gasfield.language.base import LanguageModel
from gasfield.language.prompts import prompts_of
from gasfield.sampling.thermodynamics.contexts import next_laws
from gasfield.statistics.canonical import energies_of

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / "outputs" / "gap-and-tail"
Array = NDArray[np.float64]


def kinds() -> dict[str, list[str]]:
    """Twenty prompts of each kind."""
    found: dict[str, list[str]] = yaml.safe_load((HERE / "prompts.yaml").read_text(encoding="utf-8"))
    return found


def cached(name: str, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """An array from outputs/gap-and-tail, made if it is not there."""
    path = CACHE / f"{name}.npy"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        np.save(path, make())
    return np.asarray(np.load(path, mmap_mode="r"))


def logits_of(model: LanguageModel, prompts: list[str], *, every_position: bool = False) -> NDArray[np.float32]:
    """(N, V) of the next token."""
    read = prompts_of(model, prompt=prompts)
    return np.stack([logits for _, logits in next_laws(model, read, every_position=every_position)])


def trials(logits: NDArray[np.float32]) -> list[Trial]:
    """A trial of each row."""
    return [try_laws(np.sort(energies_of(row))) for row in logits]


def entropies(logits: NDArray[np.float32], found: list[Trial]) -> tuple[Array, Array, Array]:
    """S (N, R), removed (N, R, cuts) and kept (N, R, cuts) at T = RATIOS times each prompt's s."""
    rows = [
        [cut_entropies(np.sort(energies_of(row)), ratio * trial.tail.s) for ratio in RATIOS]
        for row, trial in zip(logits, found, strict=True)
    ]
    return (
        np.array([[one[0] for one in row] for row in rows]),
        np.array([[one[1] for one in row] for row in rows]),
        np.array([[one[2] for one in row] for row in rows]),
    )


def main() -> None:
    """Measures, writes the page and draws the picture."""
    opened: list[LanguageModel] = []

    def model() -> LanguageModel:
        if not opened:
            opened.append(open_smollm2())
        return opened[0]

    groups = kinds()
    prompts = [prompt for group in groups.values() for prompt in group]
    logits = cached("prompts", lambda: logits_of(model(), prompts))
    text = (HERE / "long-text.txt").read_text(encoding="utf-8").strip()
    positions = cached("text", lambda: logits_of(model(), [text], every_position=True))
    found = trials(logits)
    names = [kind for kind, group in groups.items() for _ in group]
    write(Measured(names, found, trials(positions), *entropies(logits, found)), HERE)


if __name__ == "__main__":
    main()
