"""The process in which miniatures run: a fresh one, so that what is loaded once is found and memory is that of the run.

`python -m gasfield.cost.worker REQUEST.json` prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasfield.kernels.cache import SUFFIX, cache_folder, key_by_sources

if TYPE_CHECKING:
    from gasfield.scenario import Scenario

_FEW = 100
"""Particles of a copy that only shows whether they interact."""


def measure(name: str, overrides: list[str], folder: Path, begun: float) -> dict[str, Any]:
    """All that is known of a scenario from its miniatures; see `gasfield.cost.cost.predict`."""
    from gasfield.cost.sizes import combine, copies, particles_of, shrunk, without_events
    from gasfield.scenario import load_scenario
    from gasfield.simulation import Simulation

    scenario = without_events(load_scenario(name, overrides))
    imports, count = time.perf_counter() - begun, particles_of(scenario)
    sources, before = copies(scenario, interacting=True), time.perf_counter()
    if len(sources) > 1:
        small = Simulation.from_scenario(shrunk(scenario, _FEW / count), directory=folder)
        sources = copies(scenario, interacting=small.forces.interacting)
    early = time.perf_counter() - before
    found = []
    for number, each in enumerate(sources):
        (folder / str(number)).mkdir()
        found.append(measure_one(each, folder / str(number)))
    counts = [particles_of(each) for each in sources]
    whole = combine(found, counts, count)
    return {**whole, "imports": imports, "once": whole["once"] + early}


def measure_one(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """What the miniatures of a scenario find."""
    from gasfield.cost.miniature import Trial, counts_of, first_steps, lengths, miniature

    kernels = _kernels()
    first, _ = first_steps(scenario, folder)
    compiled = _kernels() - kernels
    again, each = first_steps(scenario, folder)
    short, long = lengths(scenario, each)
    cold, warm, more = (
        miniature(scenario, length, folder / str(number)) for number, length in enumerate((short, short, long))
    )
    trial = Trial(max(first - again, 0.0), cold, warm, more)
    whole = counts_of(scenario.run, [operation.trigger for operation in scenario.operations])
    parts = dict.fromkeys(("", "the rest"), "the rest") | dict(more.parts)
    found = trial.extrapolate(whole)
    lines = [
        {"names": list(names), "part": parts[names[-1] if names else ""], "seconds": seconds}
        for names, seconds in found.items()
    ]
    memory, growth = trial.memory(whole)
    return {
        "lines": lines,
        "once": trial.once,
        "compiled": compiled,
        "file": trial.file(whole),
        "memory": memory,
        "growth": growth,
        "loop": [_loop(warm), _loop(more)],
    }


def _loop(run: Any) -> float:
    """Seconds of a step in a miniature."""
    seconds = sum(
        section.seconds for names, section in run.sections.items()
        if names and run.parts[names[0]] in ("dynamics", "operations")
    )  # fmt: skip
    return float(seconds / run.counts.steps)


def _kernels() -> int:
    return sum(1 for _ in cache_folder().glob(f"*{SUFFIX}"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Notes belong to the run itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def main() -> None:
    """Reads the request, runs the miniatures, and prints what they have found."""
    begun = time.perf_counter()
    key_by_sources()
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    from gasfield.errors import GasfieldError
    from gasfield.plugins import run_plugin

    try:
        for path in request["plugins"]:
            run_plugin(Path(path))
        with tempfile.TemporaryDirectory(dir=request["folder"]) as folder, _quiet():
            found = measure(request["name"], request["overrides"], Path(folder), begun)
    except GasfieldError as fault:
        found = {"fault": str(fault), "exit_code": fault.exit_code}
    found["seconds"] = time.perf_counter() - begun
    print(json.dumps(found))


if __name__ == "__main__":
    main()
