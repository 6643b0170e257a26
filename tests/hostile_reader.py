"""Reads trajectories in a process of its own, so that a crash, a hang and a want of memory are seen.

As a script it reads one path a line, and prints what came of it as one line of JSON.
"""

from __future__ import annotations

import hashlib
import json
import select
import subprocess
import sys
import traceback
import warnings
from pathlib import Path
from typing import NamedTuple, Self

MEMORY = 6 << 30
"""Of the process [bytes]."""
SECONDS = 60.0
"""Within which a file is read or refused on a busy machine; it is less than 10 on one that is idle."""
DIAGNOSTICS = ["motion", "clusters", "order", "radial_distribution", "thermodynamics", "pressure", "deformation"]


class Answer(NamedTuple):
    """What came of a file: `read` with a digest of everything and notes, `refused` with a message, or a fault."""

    kind: str
    text: str
    notes: tuple[str, ...] = ()


class Reader:
    """The process, started again where it ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, path: Path) -> Answer:
        """Reads a file."""
        fresh = self._process is None
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], 120.0 if fresh else SECONDS)[0]:
            self._end()
            return Answer("hang", f"no answer within {SECONDS:g} s")
        line = process.stdout.readline()
        if not line:
            code, said = process.wait(), process.stderr.read()
            self._process = None
            return Answer("crash", f"ended with {code}: {said[-2000:]}")
        kind, text, notes = json.loads(line)
        return Answer(kind, text, tuple(notes))

    def _start(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [sys.executable, __file__]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def read_everything(path: str) -> str:
    """Reads and measures all that a trajectory has; a digest of what was read."""
    import numpy as np

    import gasfield
    from gasfield.forces import AnyForce, Surroundings, TotalForce, build_force
    from gasfield.gas import Gas
    from gasfield.spaces import Free
    from gasfield.spec import parse

    digest = hashlib.sha256()

    def note(*values: object) -> None:
        for value in values:
            digest.update(
                value.tobytes() if isinstance(value, np.ndarray) and value.dtype != object else repr(value).encode()
            )

    with gasfield.open(path) as t:
        repr(t)
        note(t.steps, t.times, t.positions(), t.present(-1), t.names, t.species, t.tokens, t.token_ids)
        note(t.masses, t.charges, t.periods, t.projection_axes, t.precision, t.attributes.get("scenario"))
        note(*[item for name in sorted(t.bonds) for item in (name, t.bonds[name])])
        t.gas(int(t.steps[-1]))
        if t.has_velocities:
            note(t.velocities())
        for name in t.observables:
            series = t.observable(name)
            note(name, series.steps, series.times, series.values)
        if t.has_survey:
            note(t.survey().values, t.last_motion().values)
        for form in t.fields:
            gas = Gas(np.zeros((5, t.dimensions)), step=1)
            law = parse(AnyForce, {"kind": "recorded_gradient", "file": path, "field": form})
            force = TotalForce([build_force(law, Surroundings(Free(dimensions=t.dimensions)))], t.dimensions)
            note(force.force(gas), force.energy(gas), force.laplacian(gas))
        gasfield.diagnose(t, DIAGNOSTICS)
    return digest.hexdigest()


def _answer(path: str) -> Answer:
    from gasfield.errors import GasfieldError, Note

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return Answer(
                "read", read_everything(path), tuple(str(w.message) for w in caught if w.category is not Note)
            )
        except GasfieldError as fault:
            text = str(fault)
            return Answer("memory" if "MemoryError" in text or "nable to allocate" in text else "refused", text)
        except Exception:
            return Answer("traceback", traceback.format_exc())


def _main() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for line in sys.stdin:
        answer = _answer(line.rstrip("\n"))
        print(json.dumps([answer.kind, answer.text, [n for n in answer.notes if "has changed" in n]]), flush=True)


if __name__ == "__main__":
    _main()
