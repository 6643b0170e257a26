"""What commands print of runs, diagnoses, comparisons, fits and forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gasfield.cli.cost_table import print_profile
from gasfield.cli.numbers import print_leaves
from gasfield.cli.output import put
from gasfield.cli.tables import Rows, console
from gasfield.printable import LISTED, shortened

if TYPE_CHECKING:
    from gasfield.comparison import Comparison
    from gasfield.learning.fit import Fit
    from gasfield.learning.forecasting import Forecast
    from gasfield.runs import RunResult

_REMARKS = 2000
"""Lines on what was left out, and notes, that are printed."""


def print_run(result: RunResult) -> None:
    """Prints the results of a run and the path of its directory."""
    if result.comparison:
        print_comparison(result.comparison)
    else:
        print_diagnosis(result.diagnosis.as_json())
    put(f"simulated in {result.seconds:.1f} s; {len(result.plots)} plots, summary and trajectory in {result.directory}")
    if result.profile is not None:
        print_profile(result.profile)


def print_comparison(comparison: Comparison) -> None:
    """Prints a comparison as a table: real, simulated, difference; sections for all rows and for each group."""
    table = Rows("")
    for column in ("real", "simulated", "difference", "unit"):
        table.column(column)
    sections: list[str] = []
    for row in comparison.table():
        if not sections or row.group != sections[-1]:
            sections.append(row.group)
            if len(sections) <= LISTED:
                table.row([shortened(row.group)], style="bold")
        if len(sections) <= LISTED:
            table.row([f"  {row.name}", row.real, row.simulated, row.difference, row.unit])
    table.put()
    _put_rest(len(sections))
    screen = console(highlight=False)
    for difference in comparison.law:
        screen.print(f"not the same law: {shortened(difference, 1000)}", style="bold")
    screen.print("0.1594(14) means 0.1594 ± 0.0014, one standard error.", style="dim")


def print_diagnosis(data: dict[str, Any]) -> None:
    """Prints results of diagnostics by group, one per line; then omitted or undefined ones, with reasons."""
    groups = data["groups"]
    sections = {name: groups[name] for name in list(groups)[:LISTED]}
    for section, results in sections.items():
        put(shortened(section))
        print_leaves(results)
    _put_rest(len(groups))
    if "gas" in data:
        put("gas as a whole")
        print_leaves(data["gas"])
    hidden = groups.keys() - sections.keys()
    omitted = [f"{entry['diagnostic']} omitted: {entry['reason']}" for entry in data["left_out"]]
    noted = [f"{entry['diagnostic']}: {entry['note']}" for entry in data["notes"]]
    groups_of = [entry["group"] for entry in (*data["left_out"], *data["notes"])]
    remarks = [
        f"{shortened(group)}: {text}"
        for group, text in zip(groups_of, (*omitted, *noted), strict=True)
        if group not in hidden
    ]
    for remark in remarks[:_REMARKS]:
        put(remark)
    if len(remarks) > _REMARKS:
        put(f"... {len(remarks) - _REMARKS:,} more remarks (--json has all)")


def _put_rest(groups: int) -> None:
    """Says how many groups are not printed, if any."""
    if groups > LISTED:
        put(f"... {groups - LISTED:,} more groups (--json has all)")


def print_fit(fit: Fit) -> None:
    """Prints the numbers of a fit, one per line; then its notes and its file."""
    data = fit.as_json()
    terms = ", ".join(f"{name} ({kind})" if name != kind else name for name, kind in data["terms"].items())
    source = f"steps {data['span'][0]} to {data['span'][1]}" if fit.model.needs_data else "its specification"
    put(f"{terms}: {data['target']}, learned from {source}")
    print_leaves(data["results"])
    for note in data["notes"]:
        put(f"note: {note}")
    if fit.path is not None:
        put(f"{fit.path}: {fit.path.stat().st_size / 1e3:,.0f} kB")


def print_forecast(forecast: Forecast) -> None:
    """Prints the verdict, the skills by horizon, what is not available, and the notes."""
    for line in forecast.verdict:
        put(line)
    table = Rows("skill")
    for horizon in forecast.horizons:
        shortest, longest = forecast.steps_ahead[horizon]
        steps = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
        table.column(f"{horizon} frames ahead" + ("" if steps == str(horizon) else f" ({steps} steps)"))
    for model in forecast.skill[forecast.horizons[0]]:
        table.row([model, *(forecast.skill[horizon][model].text() for horizon in forecast.horizons)])
    mse = (forecast.mse[horizon]["persistence"].text() for horizon in forecast.horizons)
    table.row(["mean squared error of persistence", *mse], style="dim")
    for model, terms in forecast.terms.items():
        for term, left in terms.items():
            losses = (left.loss[horizon].text() for horizon in forecast.horizons)
            table.row([f"skill that {model} gains by its {term}", *losses], style="dim")
    table.put()
    for model, reason in forecast.reasons.items():
        put(f"{model}: not computed: {reason}")
    start, stop = forecast.train
    put(f"{forecast.count} rows ({forecast.rows}); fitted to frames {start} to {stop - 1}, tested up to frame "
        f"{forecast.frames - 1}")  # fmt: skip
    for note in forecast.notes:
        put(f"note: {note}")
