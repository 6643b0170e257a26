"""A scenario that a file holds is read like one of the user: hostile ones are refused quickly, in one line."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from gasfield.errors import InputError
from gasfield.scenario import Scenario
from gasfield.scenario.stored import stored_scenario

SOUND: dict[str, Any] = {
    "title": "a", "question": "b", "space": {"kind": "free", "dimensions": 2},
    "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 4, "spread": 1.0}}],
    "dynamics": {"kind": "brownian", "time_step": 0.1, "friction": 1.0}, "temperature": 1.0, "run": {"steps": 3},
}  # fmt: skip
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]" for i in range(12)
)
HOSTILE: dict[str, object] = {
    "nested lists": "[" * 5000 + "]" * 5000,
    "nested mappings": "{a: " * 5000 + "1" + "}" * 5000,
    "nested blocks": "\n".join(f"{' ' * i}a:" for i in range(2000)),
    "aliases": BOMB,
    "an anchor of itself": "&a [*a]",
    "a number": "3",
    "a truth": "true",
    "a text": "text",
    "a list": "[1, 2]",
    "nothing": "",
    "many digits": "seed: " + "9" * 100_000,
    "a tag": "!!python/object/apply:os.system ['true']",
    "merge keys": "<<: {a: 1}",
    "binary": b"\xff\xfe\x00",
    "no text": 3.5,
    "too long": "# " + "x" * 5_000_000,
    "control": 'title: "\\e[31m"',
    "another kind": json.dumps(SOUND | {"space": {"kind": "evil"}}),
    "many steps": json.dumps(SOUND | {"run": {"steps": 10**30}}),
    "no mapping inside": json.dumps(SOUND | {"space": True, "gas": 3, "dynamics": [], "run": None}),
    "patterns beyond memory": json.dumps(
        SOUND | {"forces": [{"kind": "hopfield", "patterns": {"count": 10**12, "spread": 1.0}}]}
    ),
    "patterns of another space": json.dumps(SOUND | {"forces": [{"kind": "hopfield", "patterns": [[1, 2, 3]]}]}),
    "negative": json.dumps(SOUND | {"space": {"kind": "free", "dimensions": -1}}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_scenario_is_refused(name: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(InputError) as refused:
        stored_scenario(HOSTILE[name])
    assert time.perf_counter() - begun < 5.0
    for fault in refused.value.faults:
        assert str(fault).isprintable()
        assert len(str(fault)) < 1000


def test_a_sound_scenario_comes_back_also_from_former_names() -> None:
    scenario = Scenario.model_validate(SOUND)
    assert stored_scenario(scenario.yaml()) == stored_scenario(scenario.yaml().encode()) == scenario


def test_what_to_try_is_kept_and_left_out_where_there_is_nothing() -> None:
    tried = Scenario.model_validate(SOUND | {"try": ["heat it", "cool it"]})
    assert stored_scenario(tried.yaml()).suggestions == ("heat it", "cool it")
    assert "try" not in Scenario.model_validate(SOUND).yaml()
    with pytest.raises(InputError, match="try"):
        stored_scenario(json.dumps(SOUND | {"try": ["1", "2", "3", "4"]}))
