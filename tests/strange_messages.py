"""Messages that no page of ours would send: each is refused, whatever the session is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from gasfield.playing.messages import CONTROLS
from gasfield.scenario.events import VERBS

_DEEP = "[" * 5000 + "]" * 5000
_VALUES: list[Any] = [
    None, -1, 0.5, "x", "\u0000", "\ud800", "x" * 5000, [], {}, [[]], [{}], {"a": 1}, 2**70, -(2**70), 1e300, [1e300],
    float("nan"), float("inf"), [float("nan")], {"kind": "exec"}, {"file": "/etc/passwd"}, {"__class__": "os"},
]  # fmt: skip
_POSSIBLE: list[tuple[str, Any]] = [("lattice", None), ("look", {})]
_SHAPE = {"kind": "ring", "count": 5, "radius": 0.1}
_PLACE = {"kind": "point", "at": [0.1, 0.1]}


def _plant(**changes: Any) -> dict[str, Any]:
    return {"name": "probe", "shape": _SHAPE, "place": _PLACE, **changes}


_TOUCHES: list[dict[str, Any]] = [
    {"plant": _plant(shape={"kind": "points", "file": "/etc/passwd"})},
    {"plant": _plant(shape={"kind": "points", "file": "../../scenario.yaml"})},
    {"plant": _plant(shape={"kind": "sheet", "side": 10**9, "spacing": 0.1})},
    {"plant": _plant(shape={"kind": "cubic", "side": 10**6, "spacing": 0.1, "dimensions": 10**9})},
    {"plant": _plant(shape={"kind": "ring", "count": 10**15, "radius": 0.1})},
    {"plant": _plant(shape={"kind": "ring", "count": 5, "radius": -1.0})},
    {"plant": _plant(shape={"kind": "ring", "count": 5, "radius": float("nan")})},
    {"plant": _plant(shape={"kind": "fcc", "side": 2, "spacing": 0.1})},
    {"plant": _plant(place={"kind": "point", "at": [0.1] * 3})},
    {"plant": _plant(place={"kind": "point", "at": []})},
    {"plant": _plant(place={"kind": "centroid", "of": "nobody"})},
    {"plant": _plant(name="../evil")},
    {"plant": _plant(name="gas")},
    {"plant": _plant(plant_at=3)},
    {"plant": _plant(temperature=1.0)},
    {"plant": _plant(mass=0.0)},
    {"set": {"temperature": -1.0}},
    {"set": {"temperature": "hot"}},
    {"set": {"temperature": float("inf")}},
    {"set": {"temperature": {"kind": "ramp", "from": 1.0, "to": -1.0, "steps": 5}}},
    {"set": {"temperature": {"kind": "ramp", "from": 1.0, "to": 2.0, "steps": 2**70}}},
    {"set": {"seed": 1}},
    {"set": {"run.steps": 10**9}},
    {"set": {"forces.0.cutoff": 0.1}},
    {"set": {"forces.0.kind": 1}},
    {"set": {"forces.7.strength": 1}},
    {"set": {"forces.-1.strength": 1}},
    {"set": {"forces.0.__class__": 1}},
    {"set": {".".join(["forces"] * 1000): 1}},
    {"remove": "nobody"},
    {"remove": "gas"},
    {"kick": {"group": "gas"}},
    {"kick": {"velocity": [1.0, 0.0]}},
    {"kick": {"group": "gas", "ids": [1], "velocity": [1.0, 0.0]}},
    {"kick": {"group": "gas", "velocity": [1.0]}},
    {"kick": {"group": "gas", "velocity": [1.0, float("nan")]}},
    {"kick": {"ids": [10**9], "velocity": [1.0, 0.0]}},
    {"kick": {"ids": [-1], "velocity": [1.0, 0.0]}},
    {"kick": {"ids": [2**64], "velocity": [1.0, 0.0]}},
    {"move": {"ids": [0], "by": [1e300, 0.0]}},
    {"move": {"ids": [0.5], "by": [0.1, 0.0]}},
    {"move": {"ids": [True], "by": [0.1, 0.0]}},
    {"move": {"ids": [], "by": [0.1, 0.0]}},
    {"tag": {"name": "t", "ids": [36]}},
    {"tag": {"name": "gas", "ids": [1]}},
    {"tag": {"name": "[/b]\u202e", "ids": [1]}},
    {"switch": {"forces.0": "maybe"}},
    {"switch": {"forces.0": True}},
    {"switch": {"forces.9": "off"}},
    {"switch": {}},
    {"look": {"axes": [0, 9]}},
    {"look": {"axes": [1, 1]}},
    {"look": {"axes": [2**62, 0]}},
    {"look": {"colour": "secrets"}},
    {"look": {"underlay": "energy", "more": 1}},
    {"lattice": "nobody"},
    {"step": 0},
    {"step": 10**7},
    {"speed": 0},
    {"speed": 10**9},
    {"undo": True},
    {"undo": 1},
    {"restart": "yes"},
    {"pause": "yes"},
    {"pause": 1},
]
_TEXTS = [
    "", " ", "null", "true", "7", '"set"', "[]", "{}", "{", _DEEP, '{"id": ' + _DEEP + "}", '{"id": 1}', "\u0000",
    '{"id": 1, "set": ' + _DEEP + "}", '{"id": 1, "pause": true, "step": 3}', '{"id": 1, "id": 2}', "NaN",
    '{"pause": true}', '{"id": null, "pause": true}', '{"id": 1.5, "pause": true}', '{"id": -1, "pause": true}',
    '{"id": true, "pause": true}', '{"id": 1e400, "pause": true}', '{"id": "1", "pause": true}',
    '{"id": 18446744073709551616, "pause": true}', '{"id": 1, "at": 3, "remove": "gas"}', '{"id": 1, "exec": "x"}',
    '{"id": 1, "__init__": {}}', '{"id": 1, "hello": {}}', '{"id": 1, "end": true}', '{"id": 1, "want": true}',
    '{"id": 1, "ready": -1}', '{"id": 1, "ready": "x"}', '{"id": 1, "set": {"temperature": 1' + "0" * 5000 + "}}",
    "x" * 70_000, '{"id": 1, "remove": "' + "x" * 70_000 + '"}',
    '{"id": 1, "tag": {"name": "t", "ids": [' + 20_000 * "0,",
    json.dumps({"id": 1, "tag": {"name": "t", "ids": [10**6 + i for i in range(7_000)]}}),
]  # fmt: skip


def hostile(count: int, seed: int) -> Iterator[str | bytes]:
    """So many messages, none of which changes anything."""
    chance = np.random.default_rng(seed)
    fixed: list[str | bytes] = [*_TEXTS, *(json.dumps({"id": n, **touch}) for n, touch in enumerate(_TOUCHES))]
    for verb in (*VERBS, *CONTROLS):
        fixed += [json.dumps({"id": 5, verb: value}) for value in _VALUES if (verb, value) not in _POSSIBLE]
    fixed += [b"", b"\x00\xff", json.dumps({"id": 1, "pause": True}).encode()]
    yield from fixed[:count]
    for _ in range(count - len(fixed)):
        text = str(fixed[int(chance.integers(len(_TEXTS), len(_TEXTS) + len(_TOUCHES)))])
        yield _mutated(text, chance)


def _mutated(text: str, chance: np.random.Generator) -> str:
    """A message of those with something cut out, doubled, or replaced in the middle of its keys: no JSON any more, or
    an unknown key."""
    place = int(chance.integers(1, len(text) - 1))
    kind = int(chance.integers(3))
    if kind == 0:
        return text[:place]
    if kind == 1:
        return text.replace('"', "'", 1) + "}"
    return text.replace('": ', f'{int(chance.integers(100))}": ', 2)
