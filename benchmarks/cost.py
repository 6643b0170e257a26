"""Predicted against real time, peak memory and file size of scenarios of the gallery, to which nothing was fitted.

    python benchmarks/cost.py [SCENARIO ...] [--rounds 1] [--no-calibrate]     about ten minutes on a quiet machine

First the machine is calibrated (`gasfield calibrate`), unless `--no-calibrate` takes the calibration that is there.
Then each scenario is predicted (`gasfield check --cost`) and run in a process of its own, in turn. Printed are the
medians of the rounds, the ratio of prediction to measurement, and the medians of |ratio - 1| over all scenarios.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from gasfield.cost import Calibration, calibrate, predict_cost
from gasfield.cost.trials import Measured, measure_run
from gasfield.quantity import Quantity

GALLERY = (
    "attention-clusters", "circulation", "dead-token-drift", "experts", "harmonic-shell", "hot-and-cold-paths",
    "learned-surface", "melting", "mueller-brown", "noisy-attention", "quench", "lattices-in-waves", "orbiting-wells",
)  # fmt: skip
UNITS = (("s", 1.0), ("MB", 1e6), ("MB", 1e6))
TITLES = ("time", "memory", "file")


class Round(NamedTuple):
    """One prediction and one run."""

    predicted: tuple[float, float, float]
    measured: Measured


def one_round(scenario: str, folder: Path) -> Round:
    """Predicts and runs a scenario."""
    found = predict_cost(scenario)
    predicted = (_number(found.time), _number(found.memory), _number(found.file))
    return Round(predicted, measure_run(scenario, folder))


def _number(quantity: Quantity) -> float:
    assert isinstance(quantity.value, float | int)
    return float(quantity.value)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", default=GALLERY)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--no-calibrate", action="store_true")
    given = parser.parse_args()
    model = Calibration.load() if given.no_calibrate else calibrate(lambda title: print(f"calibrating: {title}"))
    print(model)
    head = [f"{title} [{unit}] predicted / real | ratio" for title, (unit, _) in zip(TITLES, UNITS, strict=True)]
    print("| scenario |", " | ".join(head), "|")
    print("|---" * 7 + "|")
    misses: list[list[float]] = [[], [], []]
    for scenario in given.scenarios:
        with TemporaryDirectory() as folder:
            rounds = [one_round(scenario, Path(folder) / str(number)) for number in range(given.rounds)]
        cells = []
        for which, (_, unit) in enumerate(UNITS):
            predicted = statistics.median(each.predicted[which] for each in rounds)
            real = statistics.median(each.measured[which] for each in rounds)
            misses[which].append(abs(predicted / real - 1.0))
            cells.append(f"{predicted / unit:.3g} / {real / unit:.3g} | {predicted / real:.2f}")
        print(f"| {scenario} |", " | ".join(cells), "|", flush=True)
    for title, values in zip(TITLES, misses, strict=True):
        print(f"{title}: median error {statistics.median(values):.1%}, largest {max(values):.1%}, n = {len(values)}")


if __name__ == "__main__":
    main()
