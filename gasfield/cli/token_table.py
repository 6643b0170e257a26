"""The tables of `gasfield thermo` for the next token."""

from __future__ import annotations

from gasfield.cli.output import put
from gasfield.cli.tables import Rows, console
from gasfield.printable import printable
from gasfield.sampling.thermodynamics.result import ModelThermo, Thermo

LISTED = 40
"""Contexts that the table lists; JSON has all."""
ROUNDING = 1e-12
"""Values smaller than this are zero but for the rounding of sums [nats]."""
NUMBERS = 62
"""Width of the numbers of a context; its last characters take the rest of the line."""


def print_next_tokens(found: Thermo) -> None:
    """Prints for each model the functions of T, then the peak, nulls and melting point of each context."""
    for model in found.models:
        contexts = len(model.tokens)
        over = f"; means over {contexts} contexts with their standard errors" if contexts > 1 else ""
        put(f"{model.name}: {model.vocabulary:,} tokens{over}")
        _print_functions(model)
        _print_heat(model)
        _print_peaks(model)
    for note in found.notes:
        put(f"note: {note}")


def _print_functions(model: ModelThermo) -> None:
    """U, S, F, C at each temperature: means over contexts with their standard errors."""
    from gasfield.quantity import Quantity

    mean, error = model.mean()
    table = Rows("T", "energy U", "entropy S", "free energy F", "heat capacity C")
    names = ("energy", "entropy", "free_energy", "heat_capacity")
    for k, temperature in enumerate(mean.temperature):
        pairs = [(getattr(mean, name)[k], None if error is None else getattr(error, name)[k]) for name in names]
        # F(1) = 0 is printed as 0, without the last bits of its rounding.
        values = [Quantity(value, "nats", e).text() if abs(value) > ROUNDING else "0" for value, e in pairs]
        table.row([f"{temperature:g}", *values])
    table.put()


def _print_heat(model: ModelThermo) -> None:
    """Surprisal of the tokens of each context, and entropy of the law after it."""
    for token in model.tokens[:LISTED]:
        heat = {name: number.quantity().text() for name, number in token.heat().items()}
        read = f"surprisal {heat['surprisal']} a token; " if len(token.context.surprisal) else ""
        put(f"{token.context.text}: {read}entropy after it {heat['entropy']}, as {heat['continuations']} equal tokens")


def _print_peaks(model: ModelThermo) -> None:
    """The peak of C beside that of the law and the melting point, a line for each context; then the nulls."""
    room = max(12, console().width - NUMBERS)
    table = Rows("peak at T", "C", "C of law", "gap", "s", "melts at", "after")
    for token in model.tokens[:LISTED]:
        quantities = token.quantities()
        names = ("peak.temperature", "peak.height", "tail.height", "tail.gap", "tail.s", "melting_point")
        text = printable(token.context.text)
        short = text if len(text) <= room else f"…{text[1 - room :]}"
        table.row([*(quantities[name].text() for name in names), short])
    table.put()
    first = model.tokens[0]
    put(f"nulls of {first.scaling.states[-1]:,} states have C of {first.zipf.peak().height:.4g} (bare Zipf) and "
          f"{first.gaussian.peak().height:.4g} (Gaussian energies); law: one lowest state, gap, s ln i")  # fmt: skip
    if len(model.tokens) > LISTED:
        put(f"... {len(model.tokens) - LISTED} more (--json has all)")
    if len(model.tokens) == 1 and (objection := first.scaling.objection):
        put(f"no melting point: {objection}")
