"""Names of groups carry no meaning: a group may be called like the gas as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gasfield

SCENARIO = """title: Names
question: Does a name decide?
seed: 1
space: {{kind: free, dimensions: 2}}
gas:
  - {{name: {first}, from: {{kind: gaussian, count: 6, spread: 1.0}}}}
  - {{name: other, from: {{kind: gaussian, count: 6, spread: 1.0}}}}
forces:
  - {{kind: harmonic, stiffness: 1.0, groups: [{first}]}}
  - {{kind: harmonic, stiffness: 4.0, groups: [other]}}
temperature: {{kind: by_group, groups: {{{first}: 0.8, other: 0.2}}}}
dynamics: {{kind: langevin, friction: 1.0, time_step: 0.1}}
run: {{steps: 400}}
diagnostics: [thermodynamics, transport, density]
"""


def results(folder: Path, name: str) -> dict[str, Any]:
    """The results of the first group and the notes, with the group called `first`."""
    folder.mkdir()
    (folder / "a.yaml").write_text(SCENARIO.format(first=name))
    result = gasfield.run(str(folder / "a.yaml"), output=folder / "run", pictures="none")
    found = result.diagnosis.as_json()
    notes = sorted((note["diagnostic"], note["note"]) for note in found["notes"] if note["group"] == name)
    return {"results": found["groups"][name], "notes": notes}


def test_a_group_called_like_the_whole_gas_is_a_group(tmp_path: Path) -> None:
    assert results(tmp_path / "gas", "gas") == results(tmp_path / "some", "some")
