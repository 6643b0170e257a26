"""Rounds of processes, interleaved (A B C A B C ...), and what they gave as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

from benchmarks.machine import Outcome, carry_out, processor
from benchmarks.measurements import Measurement
from benchmarks.table import Run

FIRST_GUESS = 15.0
"""Seconds of a process, before any has run."""


@dataclass
class Rounds:
    """Measurements by round and by run.

    Attributes:
        threads: a side.
        cpu: the processor.
        day: when.
        rounds: for each, key of a run -> its measurements.
        about: key of a run -> versions, threads, core of BLAS.
        left_out: key of a run -> why it gave nothing.
    """

    threads: int
    cpu: str = field(default_factory=processor)
    day: str = field(default_factory=lambda: date.today().isoformat())
    rounds: list[dict[str, list[Measurement]]] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> Rounds:
        """What `save` wrote."""
        kept = json.loads(path.read_text())
        kept["rounds"] = [
            {key: [Measurement(**one) for one in found] for key, found in measured.items()}
            for measured in kept["rounds"]
        ]
        return cls(**kept)


def interleave(
    runs: Sequence[tuple[Run, int]],
    count: int,
    threads: int,
    say: Callable[[str], None],
    carry: Callable[[Run, int], Outcome] = carry_out,
    path: Path | None = None,
) -> Rounds:
    """Runs everything once a round; what gives nothing is named and left out of later rounds.

    Args:
        runs: each with the cores that it gets; the same one is run once a round.
        count: of rounds.
        threads: a side.
        say: receives a line at a time.
        carry: runs a process.
        path: of a file that holds what was measured after every round; None for no file.
    """
    found = Rounds(threads)
    runs = list(dict.fromkeys(runs))
    say(f"{len(runs)} processes, {count} rounds: about {len(runs) * count * FIRST_GUESS / 60:.0f} minutes")
    seconds = 0.0
    for number in range(count):
        measured: dict[str, list[Measurement]] = {}
        for run, share in runs:
            if run.key in found.left_out:
                continue
            outcome = carry(run, share)
            seconds += outcome.seconds
            if outcome.fault is not None:
                found.left_out[run.key] = outcome.fault
                say(f"left out: {run.key}: {outcome.fault}")
                continue
            measured[run.key] = list(outcome.measured)
            found.about[run.key] = outcome.about
            say("  ".join(f"{one.name} {one.problem} {one.value:.4g} {one.unit}" for one in outcome.measured))
        found.rounds.append(measured)
        if path is not None:
            found.save(path)
        rest = seconds / (number + 1) * (count - number - 1) / 60
        say(f"round {number + 1} of {count}" + (f", about {rest:.0f} minutes left" if number + 1 < count else ""))
    return found
