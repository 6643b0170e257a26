"""The table of `gasfield thermo --length`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gasfield.sampling.sequences.result import SequenceThermodynamics

PREVIEW = 60
"""Characters of a sequence that are printed."""


def print_sequences(found: SequenceThermodynamics) -> None:
    """Prints energies, entropies and heat capacities over temperature, how the chains mixed, and a sequence of each."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    end = "forbidden" if found.forbid_end else "ordinary"
    sort = "sequences at each T" if found.law == "ancestral" else f"ladders, {found.moves} moves of each chain"
    print(f"{found.law} law, {found.length} tokens after {found.prompt_tokens}, end token {end}; {found.chains} {sort}")
    columns = {
        "energy a token": found.quantity("energy", per_token=True),
        "entropy a token": found.quantity("entropy", per_token=True),
        "dU/dT a token": found.quantity("heat_capacity", per_token=True),
        "repetition": found.quantity("repetition"),
    }
    table = Table(box=None, pad_edge=False, header_style="dim")
    quality = found.quality
    for name in ("T", *columns, *(() if quality is None else ("R-hat", "ESS", "accepted", "exchanged"))):
        table.add_column(name, no_wrap=True)
    texts = [[part.text() for part in column.parts()] for column in columns.values()]
    for k, temperature in enumerate(found.temperatures):
        cells = [column[k] for column in texts]
        if quality is not None:
            cells += [f"{quality.r_hat[k]:.3f}", f"{quality.effective_size[k]:.0f}", f"{quality.acceptance[k]:.2f}"]
            cells.append(f"{quality.exchange[k]:.2f}" if k < len(quality.exchange) else "")
        table.add_row(f"{temperature:g}", *cells)
    Console().print(table)
    if quality is not None:
        print(f"exchanged: with the next temperature; round trips: {quality.round_trips}")
    for temperature, text in zip(found.temperatures, found.samples or (), strict=False):
        Console().print(escape(f"T = {temperature:g}: {' '.join(text.split())[:PREVIEW]}"), highlight=False)
    for note in found.notes:
        print(f"note: {note}")
