"""`python -m benchmarks.run table|check|record|scaling`: what `make bench`, `bench-check`, `bench-record` and
`bench-scaling` call.

Every measurement is a process of its own, rounds are interleaved, and nothing is quoted but the ratio to a peer of the
same round. Results are kept in outputs/benchmarks; the page and its plots are written by whole runs only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import scaling
from benchmarks.interleave import Rounds, interleave
from benchmarks.machine import ROOT, cores, processor
from benchmarks.page import FIGURES, write_table
from benchmarks.results import Line, as_markdown, judge, lines, ratio_text, record, record_path, recorded
from benchmarks.table import Row, Run, rows, series

OUTPUTS = ROOT / "outputs" / "benchmarks"


def say(line: str) -> None:
    """Prints a line at once."""
    print(line, flush=True)


def measure(table: Sequence[Row], count: int, threads: int, path: Path | None = None) -> tuple[Rounds, list[Line]]:
    """Runs rows and their peers, prints the ratios, and keeps the measurements in a file."""
    runs: list[Run] = [run for row in table for run in (row.ours, *(peer.run for peer in row.peers))]
    found = interleave([(run, threads) for run in runs], count, threads, say, path=path)
    made = lines(table, found)
    say("")
    for line in made:
        goal = "" if line.peer.goal is None else f"   goal {line.peer.goal:g}: {line.met or 'not measured'}"
        spread = f", spread {line.ratio.spread:.2g}" if line.ratio and line.ratio.rounds > 1 else ""
        say(f"{line.row.problem} beside {line.peer.name}: {ratio_text(line.ratio)}{spread}{goal}")
    say("")
    for key, about in found.about.items():
        say(f"{key}: {about}")
    return found, made


def check(table: Sequence[Row], count: int, threads: int) -> int:
    """1 if a row is slower than recorded, or no longer runs."""
    path = record_path(processor())
    if not path.exists():
        say(f"Nothing is recorded for this processor ({processor()}): nothing was checked; see make bench-record.")
        return 0
    found, made = measure(table, count, threads)
    judged = list(judge(made, found, recorded(path)))
    for word, sentence in judged:
        say(f"{word}: {sentence}")
    return int(any(word in ("slower", "did not run") for word, _ in judged))


def scale(chosen: str | None, count: int, threads: int) -> None:
    """Runs the series and writes exponents and plots."""
    all_series = [one for one in series(threads, cores()) if chosen is None or chosen in one.name]
    runs = [(one.run(size), size if one.axis == "threads" else threads) for one in all_series for size in one.sizes]
    found = interleave(runs, count, threads, say, path=None if chosen else OUTPUTS / "scaling.json")
    say(scaling.as_markdown(all_series, found))
    if chosen is None:
        write_scaling(found, threads)


def write_scaling(found: Rounds, threads: int) -> None:
    """The exponents and plots of the page."""
    all_series = series(threads, cores())
    pictures = scaling.draw(all_series, found, FIGURES)
    shown = [f"![{path.stem.replace('-', ' ').capitalize()}](figures/{path.name})" for path in pictures]
    write_table("exponents", "\n\n".join([scaling.as_markdown(all_series, found), *shown]))


def write(threads: int) -> None:
    """Writes the page again from what was measured last."""
    if (OUTPUTS / "table.json").exists():
        found = Rounds.load(OUTPUTS / "table.json")
        write_table("ratios", as_markdown(lines(rows(threads), found), found))
    if (OUTPUTS / "scaling.json").exists():
        write_scaling(Rounds.load(OUTPUTS / "scaling.json"), threads)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("table", "check", "record", "scaling", "write"))
    parser.add_argument("--rounds", type=int, help="5, or 3 for scaling")
    parser.add_argument("--threads", type=int, default=min(2, cores()), help="a side; 2 if there are as many cores")
    parser.add_argument("--only", help="rows or series whose name contains this; the page is not written then")
    given = parser.parse_args(arguments)
    table = [row for row in rows(given.threads) if given.only is None or given.only in row.name]
    if given.what == "write":
        write(given.threads)
    elif given.what == "scaling":
        scale(given.only, given.rounds or 3, given.threads)
    elif given.what == "check":
        return check(table, given.rounds or 5, given.threads)
    else:
        kept = None if given.only else OUTPUTS / "table.json"
        found, made = measure(table, given.rounds or 5, given.threads, kept)
        if given.what == "record":
            record(made, found, record_path(found.cpu), whole=given.only is None)
            say(f"recorded in {record_path(found.cpu).relative_to(ROOT)}")
        elif given.only is None:
            write_table("ratios", as_markdown(made, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
