"""From a model and a prompt to the thermodynamics of whole sequences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.language.base import Ids, LanguageModel, Tokenizer
from gasfield.sampling.sequences.ancestral import BATCH, sample
from gasfield.sampling.sequences.boltzmann import Boltzmann, sample_boltzmann
from gasfield.sampling.sequences.ladder import ladder_notes
from gasfield.sampling.sequences.law import SequenceLaw, Window, require_temperatures
from gasfield.sampling.sequences.measured import structural, thermal
from gasfield.sampling.sequences.observables import distances_within
from gasfield.sampling.sequences.result import ChainQuality, SequenceThermodynamics
from gasfield.statistics.r_hat import MIXED

Law = Literal["ancestral", "boltzmann"]
CHAINS: dict[str, int] = {"ancestral": 64, "boltzmann": 8}
"""Sequences at each temperature, or ladders, unless a number is given."""
MOVES = 200
"""Moves of each chain unless a number is given."""


def sequence_thermodynamics(
    model: SequenceLaw | str | Path,
    prompt: str | Sequence[int] | Ids,
    length: int,
    temperatures: object = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5),
    *,
    law: Law = "ancestral",
    chains: int | None = None,
    moves: int = MOVES,
    seed: int = 0,
    forbid_end: bool = True,
    batch: int = BATCH,
    embedding: NDArray[np.floating] | None = None,
) -> SequenceThermodynamics:
    """Energies, entropies, heat capacities and correlations of sequences of a fixed length, over temperature.

    Args:
        model: a language model or its path, or any law of sequences.
        prompt: raw text, or ids.
        length: tokens of a sequence L. It must be fixed: summed over all lengths, Z diverges above some T > 1.
        temperatures: (K,) above 0. Boltzmann's law needs T = 1 among them, where Z = 1; it is added.
        law: "ancestral": each token at the temperature, given its prefix; "boltzmann": p(x)^(1/T) / Z, by replica
            exchange.
        chains: sequences at each temperature, or independent ladders.
        moves: of each chain under Boltzmann's law; the first fifth is not measured.
        seed: of all random numbers.
        forbid_end: whether tokens that end a text are impossible (p is renormalised without them); else they are
            ordinary tokens.
        batch: sequences that grow together, for ancestral samples.
        embedding: (V, D), for the susceptibility.

    Raises:
        InputError: if a number is out of its range, the sequences do not fit into the model's context, or logits are
            not finite.
    """
    if isinstance(model, str | Path):
        from gasfield.language.open import open_model

        model = open_model(model)
    if law not in CHAINS:
        raise InputError(f"should be ancestral or boltzmann, not {law!r}.", parameter="law")
    window = Window(model, _ids(model, prompt), length, forbid_end)
    count = CHAINS[law] if chains is None else chains
    scale = require_temperatures(temperatures)
    notes: list[str] = []
    if law == "boltzmann":
        if not np.isclose(scale, 1.0, rtol=1e-12).any():
            scale = np.sort(np.append(scale, 1.0))
            notes.append("T = 1 was added to the ladder: log Z is known there")
        run = sample_boltzmann(window, scale, count, moves, seed)
        drawn = [run.sequences(k) for k in range(len(scale))]
        heats, quality = [thermal(run, k) for k in range(len(scale))], _quality(run)
        notes.extend(_mixing_notes(run, quality))
    else:
        runs = [sample(window, float(temperature), count, seed, batch) for temperature in scale]
        drawn = [(run.tokens, np.arange(count)) for run in runs]
        heats, quality = [thermal(run) for run in runs], None
    tokenizer = _tokenizer(model)
    return SequenceThermodynamics(
        law=law,
        prompt_tokens=window.start,
        length=length,
        forbid_end=forbid_end,
        chains=count,
        moves=moves if law == "boltzmann" else 0,
        seed=seed,
        temperatures=scale,
        thermal=tuple(heats),
        structural=tuple(structural(*one, embedding) for one in drawn),
        distances=distances_within(length),
        quality=quality,
        samples=None if tokenizer is None else tuple(tokenizer.decode(tokens[-1]) for tokens, _ in drawn),
        notes=tuple(notes),
    )


def _tokenizer(model: SequenceLaw) -> Tokenizer | None:
    return model.tokenizer if isinstance(model, LanguageModel) else None


def _ids(model: SequenceLaw, prompt: str | Sequence[int] | Ids) -> Ids:
    if not isinstance(prompt, str):
        return np.asarray(prompt, np.int64)
    tokenizer = _tokenizer(model)
    if tokenizer is None:
        raise InputError("the law has no tokenizer; give the prompt as token ids.", parameter="prompt")
    return tokenizer.encode(prompt)


def _quality(run: Boltzmann) -> ChainQuality:
    temperatures = range(len(run.temperatures))
    return ChainQuality(
        np.array([run.r_hat(k).largest for k in temperatures]),
        np.array([run.effective_size(k) for k in temperatures]),
        np.array([np.nanmean(run.acceptance[:, k]) for k in temperatures]),
        run.exchange,
        run.round_trips,
    )


def _mixing_notes(run: Boltzmann, quality: ChainQuality) -> Iterator[str]:
    yield from ladder_notes(run)
    poor = np.flatnonzero(quality.r_hat > MIXED)
    if poor.size:
        worst = int(np.nanargmax(quality.r_hat))
        yield (
            f"R-hat of the energy is {quality.r_hat[worst]:.3g} at T = {run.temperatures[worst]:.4g}, above {MIXED} at "
            f"{poor.size} of {len(quality.r_hat)} temperatures: the ladders have not mixed yet; more moves would help"
        )
    if not run.round_trips and len(run.temperatures) > 1:
        yield "no replica has travelled from the coldest temperature to the hottest and back"
