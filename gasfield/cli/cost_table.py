"""The tables of profiles, predictions and calibrations: where the time goes, and what a run takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gasfield.cli.output import bytes_text, put
from gasfield.cli.tables import Rows

if TYPE_CHECKING:
    from gasfield.cost import Calibration, Cost
    from gasfield.profiling import Profile


def print_profile(profile: Profile) -> None:
    """Prints where the time went: lines of at least a thousandth of it, the longest first."""
    lines = profile.lines()
    total = sum(line.seconds for line in lines)
    table = Rows("where the time went", "part")
    for column in ("seconds", "share", "calls", "a call"):
        table.column(column, justify="right")
    for line in lines:
        if line.seconds >= 1e-3 * total:
            each = duration(line.seconds / max(line.calls, 1))
            share = f"{line.seconds / total:.1%}"
            table.row([line.name, line.part, f"{line.seconds:.3f}", share, f"{line.calls:,}", each])
    table.row(["in all", "", f"{total:.3f}", "", "", ""], style="bold")
    table.put()


def print_cost(cost: Cost) -> None:
    """Prints a prediction: time, memory and file, the parts of the time, what takes most of it, and the notes."""
    for name, quantity in (("time", cost.time), ("peak memory", cost.memory), ("trajectory", cost.file)):
        show = duration if quantity.unit == "s" else bytes_text
        put(f"  {name} = {show(_float(quantity.value))} ± {show(_float(quantity.error))}")
    table = Rows("part", "time", "share")
    table.column("of which")
    total = max(_float(cost.time.value), 1e-12)
    for part, quantity in cost.parts.items():
        seconds = _float(quantity.value)
        if seconds >= 1e-3 * total:
            largest = [f"{name} {duration(own)}" for of, name, own in cost.lines if of == part and own > 0.01 * total]
            table.row([part, duration(seconds), f"{seconds / total:.1%}", ", ".join(largest[:3])])
    table.put()
    for note in cost.notes:
        put(f"note: {note}")


def print_calibration(found: Calibration) -> None:
    """Prints the numbers of a calibration, and where it is kept."""
    put(f"{found.machine}; fitted to {found.trials} runs")
    put(f"  every run = {duration(found.start)} and {bytes_text(found.memory)} besides its miniature")
    put(f"  start-up and pictures = {found.fixed:.3g}, all else = {found.counted:.3g} times those of the miniature")
    put(f"  error of a prediction = {found.time_error:.0%} of the time, {found.memory_error:.0%} of the memory")
    put(f"kept in {found.as_json()['file']}")


def _float(value: Any) -> float:
    return float(value or 0.0)


def duration(seconds: float) -> str:
    """A time with three digits and its unit."""
    for factor, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2.0 * factor:
            return f"{seconds / factor:.3g} {unit}"
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1.0:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
