"""Speed against N, D and threads: fitted exponents, and the plots of docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.interleave import Rounds
from benchmarks.measurements import Exponent, by_round
from benchmarks.table import Series

AXES = {"N": "number of particles N", "D": "dimensions D", "threads": "threads"}
Points = list[tuple[int, float]]


def points(one: Series, found: Rounds) -> Points:
    """(size, seconds of a step or evaluation) at the sizes that were measured: medians over rounds."""
    made = []
    for size in one.sizes:
        known = [value for value in by_round(found.rounds, one.run(size).key, one.unit) if value is not None]
        if known:
            made.append((size, one.seconds(size, median(known))))
    return made


def fitted(one: Series, made: Points) -> Exponent | None:
    """The exponent of the time at the sizes from `fitted_from` on; None with fewer than three of them."""
    large = [(size, seconds) for size, seconds in made if size >= one.fitted_from]
    return Exponent.fit(*zip(*large, strict=True)) if len(large) > 2 else None


def as_markdown(series: Sequence[Series], found: Rounds) -> str:
    """Exponents, and times at the least and the greatest size."""
    rows = []
    for one in series:
        made = points(one, found)
        if not made:
            continue
        exponent = fitted(one, made)
        growth = "–" if exponent is None else exponent.text()
        if one.axis == "threads":
            growth = f"{made[0][1] / made[-1][1]:.2f} times as fast with {made[-1][0]} as with {made[0][0]}"
        ends = " to ".join(f"{_time(seconds)} ({one.axis} = {size:,})" for size, seconds in (made[0], made[-1]))
        rows.append(f"| {one.name} | {one.axis} | {ends} | {growth} |")
    head = f"{found.cpu}; {found.threads} threads; medians of {len(found.rounds)} rounds; {found.day}.\n\n"
    return f"{head}| work | against | time of a step or evaluation | exponent |\n|---|---|---|---|\n" + "\n".join(rows)


def _time(seconds: float) -> str:
    size, unit = next((pair for pair in ((1.0, "s"), (1e-3, "ms")) if seconds >= pair[0]), (1e-6, "µs"))
    return f"{seconds / size:.3g} {unit}"


def draw(series: Sequence[Series], found: Rounds, folder: Path) -> list[Path]:
    """Writes `speed-against-n.png`, `-d.png` and `-threads.png`; those without points are not drawn."""
    from gasfield.plots.style import SERIES, SIMULATED, finished, new_figure, save

    written = []
    for axis, label in AXES.items():
        lines = [(one, made) for one in series if one.axis == axis and (made := points(one, found))]
        if not lines:
            continue
        figure = new_figure(7.2, 4.6)
        panel = figure.add_subplot()
        for (one, made), colour in zip(lines, (*SERIES, SIMULATED), strict=False):
            sizes, seconds = zip(*made, strict=True)
            speeds = [(seconds[0] if axis == "threads" else 1.0) / time for time in seconds]
            panel.plot(sizes, speeds, "o-", color=colour, label=_label(one, made), markersize=4)
            exponent = fitted(one, made)
            if exponent is not None and axis != "threads":
                ends = (one.fitted_from, sizes[-1])
                law = [1.0 / (exponent.factor * size**exponent.exponent) for size in ends]
                panel.plot(ends, law, ":", color=colour, linewidth=1.2)
        if axis == "threads":
            panel.plot(sizes, sizes, color="#8d8d99", linewidth=1, label="proportional")
            panel.set_xticks(sizes)
        else:
            panel.set(xscale="log", yscale="log")
        what = "speed over that of one thread" if axis == "threads" else "steps or evaluations a second"
        finished(panel, f"Speed against {label}", label, what, fontsize=8)
        written.append(save(figure, folder / f"speed-against-{axis.lower()}.png"))
    return written


def _label(one: Series, made: Points) -> str:
    exponent = fitted(one, made)
    return one.name if exponent is None or one.axis == "threads" else f"{one.name}: time ~ {one.axis}^{exponent.text()}"
