"""The tables of `gasfield thermo --length`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gasfield.cli.output import put
from gasfield.cli.tables import Rows

if TYPE_CHECKING:
    from gasfield.sampling.sequences.result import ChainQuality, SequenceThermodynamics

PREVIEW = 60
"""Characters of a sequence that are printed."""


def print_sequences(found: SequenceThermodynamics) -> None:
    """Prints energies, entropies and heat capacities over temperature, how the chains mixed, and a sequence of each."""
    end = "forbidden" if found.forbid_end else "ordinary"
    sort = "sequences at each T" if found.law == "ancestral" else f"ladders, {found.moves} moves of each chain"
    put(f"{found.law} law, {found.length} tokens after {found.prompt_tokens}, end token {end}; {found.chains} {sort}")
    print_functions(found)
    if found.quality is not None:
        print_chains(found.temperatures.tolist(), found.quality)
    for temperature, text in zip(found.temperatures, found.samples or (), strict=False):
        put(f"T = {temperature:g}: {' '.join(text.split())[:PREVIEW]}")
    for note in found.notes:
        put(f"note: {note}")


def print_functions(found: SequenceThermodynamics) -> None:
    """Energy, entropy and heat capacity a token, and repetition, over temperature."""
    columns = {
        "energy a token": found.quantity("energy", per_token=True),
        "entropy a token": found.quantity("entropy", per_token=True),
        "dU/dT a token": found.quantity("heat_capacity", per_token=True),
        "repetition": found.quantity("repetition"),
    }
    texts = [[part.text() for part in column.parts()] for column in columns.values()]
    rows = [[f"{temperature:g}", *cells] for temperature, *cells in zip(found.temperatures, *texts, strict=True)]
    _print_table(("T", *columns), rows)


def print_chains(temperatures: Sequence[float], quality: ChainQuality) -> None:
    """How the chains of each temperature mixed."""
    exchanged = [f"{share:.2f}" for share in quality.exchange] + [""] * (len(temperatures) - len(quality.exchange))
    rows = [
        [f"{temperature:g}", f"{r_hat:.3f}", f"{size:.0f}", f"{accepted:.2f}", exchange]
        for temperature, r_hat, size, accepted, exchange in zip(
            temperatures, quality.r_hat, quality.effective_size, quality.acceptance, exchanged, strict=True
        )
    ]
    _print_table(("T", "R-hat", "ESS", "proposals accepted", "exchanged with the next T"), rows)
    put(f"round trips: {quality.round_trips}")


def _print_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Rows(*names)
    for row in rows:
        table.row(row)
    table.put()
