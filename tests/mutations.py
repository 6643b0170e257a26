"""Mutated scenarios: valid scenarios of every kind, broken in one to three places, the same for the same seed.

`mutation(seed, number)` gives the text of a scenario file and overrides as after `--set`. What the mutations stand for:
values of other types, extreme numbers, YAML that means something else in another version or library, shapes that do not
fit, kinds that do not exist, sizes beyond any memory, expressions that are programs, files that are no text.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from baselines import ROOT, short_scenarios
from hostile_expressions import FAMILIES

from gasfield.scenario.json_schema import scenario_schema

STEPS = 10
"""Of every scenario; what is to happen later happens half-way."""
_MOST = 60
"""Particles of a group."""
_MOST_TRACERS = 3
"""Tracers of a scenario of every shape."""

Place = tuple[str | int, ...]
Chance = random.Random
Change = Callable[[Chance, dict[str, Any]], str]


class Raw(str):
    """A piece of YAML that is written as it stands."""


class Twice:
    """Two values under one key."""

    def __init__(self, first: Any, second: Any) -> None:
        self.values = first, second


@dataclass(frozen=True)
class Mutation:
    """A mutated scenario.

    Attributes:
        number: of the mutation in its series.
        base: the scenario that was mutated.
        changes: what was done to it.
        text: of the file; bytes, since it may be no text.
        overrides: as after `--set`.
    """

    number: int
    base: str
    changes: tuple[str, ...]
    text: bytes
    overrides: tuple[str, ...]


def mutation(seed: int, number: int) -> Mutation:
    """The mutation of a number in the series of a seed."""
    chance = Chance(f"{seed}/{number}")
    name = chance.choice(sorted(bases()))
    data = json.loads(json.dumps(bases()[name]))
    changes, overrides = [], []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        change = chance.choices(*zip(*CHANGES, strict=True))[0]
        changes.append(change(chance, data))
    if chance.random() < 0.1:
        overrides.append(_override(chance, data))
        changes.append(f"--set {overrides[0]!a}"[:200])
    text = written(data).encode("utf-8", "surrogatepass")
    if chance.random() < 0.1:
        how = chance.choice(TEXT_CHANGES)
        text = how(chance, text)
        changes.append(how.__name__.strip("_"))
    return Mutation(number, name, tuple(changes), text, tuple(overrides))


# --- what is mutated --------------------------------------------------------------------------------------------------


@cache
def bases() -> dict[str, dict[str, Any]]:
    """Valid scenarios by name: the shipped ones, and one of every kind of dynamics, force, space and shape; short."""
    found = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted((ROOT / "scenarios").glob("*.yaml"))}
    found |= {name: json.loads(json.dumps(data)) for name, data in short_scenarios()}
    for name in [name for name in found if name.startswith("tracers")]:
        whole = found.pop(name)  # in parts: each group is drawn in up to ten pictures, 0.2 s each
        for start in range(0, len(whole["tracers"]), _MOST_TRACERS):
            part = {**whole, "tracers": whole["tracers"][start : start + _MOST_TRACERS]}
            found[f"{name}-{start}"] = json.loads(json.dumps(part))
    for data in found.values():
        _shorten(data)
    return found


def _shorten(data: dict[str, Any]) -> None:
    data["run"] = {**data["run"], "steps": STEPS, "record_every": 2} | (
        {"observe_every": 5} if "observe_every" in data["run"] else {}
    )
    data.pop("compare", None)
    for place in places(data):
        if place[-1:] == ("count",) and isinstance(at(data, place), int):
            put(data, place, min(at(data, place), _MOST))
        if place[-1:] == ("plant_at",):
            put(data, place, min(at(data, place), STEPS // 2))


def places(data: Any, place: Place = ()) -> Iterator[Place]:
    """Every place in the data but the root."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield (*place, key)
        yield from places(value, (*place, key))


def at(data: Any, place: Place) -> Any:
    """The value at a place."""
    for key in place:
        data = data[key]
    return data


def put(data: Any, place: Place, value: Any) -> None:
    """Replaces the value at a place."""
    at(data, place[:-1])[place[-1]] = value


def _some(chance: Chance, data: Any, wanted: Callable[[Any], bool] = lambda value: True) -> Place | None:
    found = [place for place in places(data) if wanted(at(data, place))]
    return chance.choice(found) if found else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Raw)


# --- changes of the data ----------------------------------------------------------------------------------------------

YAML_1_1 = ["yes", "no", "on", "off", "Yes", "NO", "y", "n", "010", "0o10", "0x1F", "0b101", "1_000", "1:40", "1:40.5",
            "190:20:30", "2026-01-01", "2001-12-14t21:59:43.10-05:00", "~", "null", "Null", "NULL", "", "true", "TRUE",
            "+.inf", "-.inf", ".Inf", ".nan", ".NaN", "inf", "nan", "Infinity", "1e3", "1E+3", "1.e3", ".5", "5.", "+5",
            "-0", "0.0", "00", "1e400", "-1e400", "1e-400", "685_230.15", "0x", "0o", "1e", "=", "<<", "!", "--1",
            "١٢", "１", "²", "1,5", "1 000", "1m", "5 nm", "100%"]  # fmt: skip
TAGS = ['!!int ""', '!!int "x"', "!!int 1.5", "!!float x", '!!float ""', "!!bool maybe", "!!bool 1", "!!null x",
        "!!timestamp x", "!!timestamp 2026-99-99", "!!binary '~'", "!!binary aGVsbG8=", "!!set {a, b}",
        "!!omap [a: 1]", "!!pairs [a: 1]", "!!str 5", "!!seq [1]", "!!map {a: 1}", "!!python/object:os.system x",
        "!!python/object/apply:os.system ['true']", "!local 3", "!<tag:example.org,2026:x> 3", "! 3", "!!merge x",
        "!!value x", "!!int [1]", "!!float {a: 1}", "!!str [1]", "!!map 3", "!!seq 3"]  # fmt: skip
SYNTAX = ["&a 3", "*a", "&a [*a]", "{<<: {a: 1}}", "{<<: [{a: 1}]}", "{? [1] : 2}", "{? {a: 1} : 2}", "{1: 2}",
          "{true: 1}", "{null: 1}", "{1.5: 2}", "{a: 1, a: 2}", "{? a}", "{a}", "[a: 1]", "{: 1}", "[,]", "[1,,2]",
          "'\\ud800'", '"\\ud800"', '"\\udfff"', '"\\U0001F600"', '"\\0"', '"a\\0b"', '"\\x07"', '"\\e[31m"',
          '"a\\nb"', '"\\N"', '"\\L"', '"\\uFEFF"', "\u202e", "{", "}", "[", "]", "'", '"', "@", "`", "%", "- 1", ": ",
          "#", "|", ">", "? ", "&", "*", "\t", "[" * 60 + "]" * 60, "{a: " * 60 + "1" + "}" * 60]  # fmt: skip
HOSTILE: list[Any] = [
    None, True, False, "", " ", "x", "100", "1.5", "kind", "each", "all", "__class__", "a" * 5000, "é" * 300, "../..",
    "/", "/dev/zero", "/proc/self/mem", ".", "~", "~nobody-such/x", "file\0name", "gas", "dead", "\ud800", "a\nb",
    0, -0.0, 1, -1, 2, 3, 7, 0.1, -0.5, 1e-300, 5e-324, 1e300, -1e300, 1.7976931348623157e308, 1e154, 1e100, 1e16,
    10**4, 10**6, 10**9, 10**12, 2**31, 2**31 - 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30,
    10**400, -(2**63), -(2**63) - 1, float("inf"), float("-inf"), float("nan"), [], {}, [[]], [{}], {"": 1}, [None],
    [1], [1, 2], [1, [2]], [[1, 2], [3]], [[1], [2, 3]], [[0.0] * 3] * 2, [[1e308] * 2] * 2, ["a", "b"], [True],
    {"kind": None}, {"kind": ""}, {"kind": []}, {"kind": {}}, {"kind": 5}, {"kind": True}, {"kind": "nothing"},
    {"kind": "ramp", "from": 1, "to": 0, "steps": 5}, {"kind": "by_group", "groups": {}}, {"kind": "random"},
    {"kind": "table", "points": [[0, 1.0], [5, 1e308], [6, -1e308]]}, {"kind": "ramp", "from": 0, "to": 1e308,
    "steps": 1}, {"kind": "piecewise", "points": [[3, 1, 2]]}, {"kind": "exponential", "from": 1e-300, "to": 1e300,
    "steps": 3}, {"count": 10**12}, {"count": 4, "spread": 1e308},
]  # fmt: skip


def _hostile(chance: Chance) -> Any:
    """A hostile value of its own, which later changes may change."""
    return copy.deepcopy(chance.choice(HOSTILE))


def _replace_by_hostile(chance: Chance, data: dict[str, Any]) -> str:
    return _set(chance, data, lambda old: _hostile(chance))


def _replace_by_yaml(chance: Chance, data: dict[str, Any]) -> str:
    """Raw YAML: scalars of other versions, tags, anchors, what is no YAML."""
    return _set(chance, data, lambda old: Raw(chance.choice(chance.choice((YAML_1_1, YAML_1_1, TAGS, SYNTAX)))))


def _set(
    chance: Chance, data: dict[str, Any], new: Callable[[Any], Any], wanted: Callable[[Any], bool] = lambda value: True
) -> str:
    place = _some(chance, data, wanted)
    if place is None:
        return "nothing"
    value = new(at(data, place))
    put(data, place, value)
    return f"{'.'.join(map(str, place))} = {value!a}"[:200]


def _scale_number(chance: Chance, data: dict[str, Any]) -> str:
    """As if it were in another unit."""
    power = chance.choice((-300, -100, -30, -9, -6, -3, -2, -1, 1, 2, 3, 6, 9, 12, 30, 100, 300))

    def scaled(old: float) -> float:
        return int(old) * 10**power if isinstance(old, int) and power > 0 else float(old * 10.0**power)

    return _set(chance, data, scaled, _is_number)


def _change_unit(chance: Chance, data: dict[str, Any]) -> str:
    """All numbers with a fraction in other units."""
    power = chance.choice((-12, -6, -3, 3, 6, 12))
    found = [place for place in places(data) if isinstance(at(data, place), float)]
    for place in found:
        put(data, place, at(data, place) * 10.0**power)
    return f"{len(found)} numbers x 1e{power}"


def _negate(chance: Chance, data: dict[str, Any]) -> str:
    return _set(chance, data, lambda old: -old, _is_number)


def _swap_type(chance: Chance, data: dict[str, Any]) -> str:
    def other(old: Any) -> Any:
        ways: list[Any] = [[old], {"value": old}, json.dumps(old, default=str), [old, old], bool(old)]
        if isinstance(old, list):
            ways += [dict(enumerate(old)), old[0] if old else None, old * 2, old[::-1]]
        if isinstance(old, dict):
            ways += [list(old.values()), list(old), next(iter(old.values()), None)]
        if _is_number(old):
            ways += [str(old), float(old), f"{old} "]
        return chance.choice(ways)

    return _set(chance, data, other)


def _resize_list(chance: Chance, data: dict[str, Any]) -> str:
    """Unequal rows, missing coordinates, empty lists, very long lists."""

    def other(old: list[Any]) -> list[Any]:
        place = chance.randrange(len(old) + 1)
        ways = [old[:-1], old[1:], [*old, *old[-1:]], [], [*old[:place], _hostile(chance), *old[place:]],
                old * 40, old[:1] * chance.choice((2, 3, 1000 if old and _is_number(old[0]) else 20))]  # fmt: skip
        return chance.choice(ways)

    return _set(chance, data, other, lambda value: isinstance(value, list))


def _delete(chance: Chance, data: dict[str, Any]) -> str:
    place = _some(chance, data)
    if place is None:
        return "nothing"
    del at(data, place[:-1])[place[-1]]
    return f"without {'.'.join(map(str, place))}"


def _rename_key(chance: Chance, data: dict[str, Any]) -> str:
    place = _some(chance, data)
    if place is None or isinstance(place[-1], int):
        return "nothing"
    key = str(place[-1])
    ways = [key.upper(), key + "s", key[:-1], key[::-1], f" {key}", "kind", "", "0", "\ud800", "a.b", "<<", "é"]
    holder = at(data, place[:-1])
    new = chance.choice(ways)
    holder[new] = holder.pop(key)
    return f"{'.'.join(map(str, place))} renamed {new!a}"


def _double_key(chance: Chance, data: dict[str, Any]) -> str:
    place = _some(chance, data)
    if place is None or isinstance(place[-1], int):
        return "nothing"
    put(data, place, Twice(at(data, place), chance.choice((at(data, place), _hostile(chance)))))
    return f"{'.'.join(map(str, place))} twice"


def _exchange(chance: Chance, data: dict[str, Any]) -> str:
    """A value from somewhere else."""
    first, second = _some(chance, data), _some(chance, data)
    if first is None or second is None:
        return "nothing"
    put(data, first, json.loads(json.dumps(at(data, second), default=str)))
    return f"{'.'.join(map(str, first))} = that of {'.'.join(map(str, second))}"


def _hostile_expression(chance: Chance, data: dict[str, Any]) -> str:
    text = chance.choice(chance.choice(list(FAMILIES.values())))
    dimensions = at(data, ("space",)).get("dimensions") if isinstance(data.get("space"), dict) else 2
    count = dimensions if isinstance(dimensions, int) and 0 < dimensions < 100 else 2
    forces: list[dict[str, Any]] = [
        {"kind": "expression", "energy": text},
        {"kind": "expression", "energy": "a*|x|**2", "parameters": {text[:50]: 1.0}},
        {"kind": "expression", "force": [text] * count},
        {"kind": "pair_expression", "energy": text, "cutoff": 1.0},
    ]
    data["forces"] = [chance.choice(forces)]
    return f"expression {text!a}"[:120]


def _other_component(chance: Chance, data: dict[str, Any]) -> str:
    """A component of any kind, made up from its schema, in the place of another or beside it."""
    schema = scenario_schema_once()
    key = chance.choice(("space", "gas", "tracers", "forces", "forces", "dynamics", "temperature", "diagnostics",
                         "diagnostics", "operations", "run"))  # fmt: skip
    part = schema["properties"][key]
    made = sample(chance, part, schema["$defs"])
    if isinstance(made, list) and isinstance(data.get(key), list) and chance.random() < 0.5:
        made = [*data[key], *made]
    data[key] = made
    return f"{key} = {json.dumps(made, default=str)}"[:300]


@cache
def scenario_schema_once() -> dict[str, Any]:
    """The JSON Schema of scenarios."""
    return scenario_schema()


def sample(chance: Chance, schema: dict[str, Any], defs: dict[str, Any], depth: int = 0) -> Any:
    """Data that mostly fit a JSON Schema, with hostile values now and then."""
    if chance.random() < 0.01 * (depth > 1):
        return _hostile(chance)
    if "$ref" in schema:
        return sample(chance, defs[schema["$ref"].rpartition("/")[2]], defs, depth + 1)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            options = [option for option in schema[key] if depth < 8 or "$ref" not in option] or schema[key][:1]
            return sample(chance, chance.choice(options), defs, depth + 1)
    if "const" in schema or "enum" in schema:
        return schema.get("const", chance.choice(schema.get("enum", [None])))
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        needed = set(schema.get("required", ()))
        wanted = [key for key in schema["properties"] if key in needed or (depth < 6 and chance.random() < 0.3)]
        return {key: sample(chance, schema["properties"][key], defs, depth + 1) for key in wanted}
    if kind == "object":
        return {chance.choice(("gas", "a", "r")): sample(chance, schema.get("additionalProperties") or {}, defs, 9)}
    if kind == "array":
        if "prefixItems" in schema:
            return [sample(chance, item, defs, depth + 1) for item in schema["prefixItems"]]
        least = schema.get("minItems", 0)
        count = max(least, chance.choice((1, 2, 2, 3)))
        return [sample(chance, schema.get("items") or {}, defs, depth + 1) for _ in range(count)]
    return _scalar(chance, kind, schema)


def _scalar(chance: Chance, kind: str | None, schema: dict[str, Any]) -> Any:
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        usual = (
            chance.choice((0.01, 0.1, 0.5, 1.0, 2.0, 5.0)) if kind == "number" else chance.choice((0, 1, 1, 2, 3, 5))
        )
        return max(usual, low) if chance.random() < 0.95 else chance.choice((low, low - 1, schema.get("maximum", 1e9)))
    if kind == "boolean":
        return chance.random() < 0.5
    if kind == "null":
        return None
    return chance.choice(("gas", "gas", "x0**2", "1/r", "recordings/kjv-bf16.h5", "dead", "out.h5", "a"))


CHANGES: list[tuple[Change, int]] = [
    (_replace_by_hostile, 20), (_replace_by_yaml, 14), (_scale_number, 14), (_change_unit, 3), (_negate, 4),
    (_swap_type, 8), (_resize_list, 8), (_delete, 4), (_rename_key, 3), (_double_key, 2), (_exchange, 6),
    (_hostile_expression, 4), (_other_component, 14),
]  # fmt: skip
"""Every change, with how often it is made."""


def _override(chance: Chance, data: dict[str, Any]) -> str:
    place = _some(chance, data)
    key = ".".join(map(str, place or ("run", "steps")))
    ways = [key, f"{key}.x", f"{key}.0", f"{key}.²", "gas.².name", "gas.-1.name", "gas.1_0.name", "gas.٣.name", "", ".",
            "..", "a..b", "gas.", "gas.99.name", "run. steps", "\ud800", "gas.00.name", "gas.0.from"]  # fmt: skip
    path = key if chance.random() < 0.6 else chance.choice(ways)
    value = chance.choice((*YAML_1_1, *TAGS, *SYNTAX, "{steps: 5, steps: 6}", "[" * 5000, "a: b: c", "3", "0.5"))
    return f"{path}={value}" if chance.random() < 0.95 else path


# --- changes of the text ----------------------------------------------------------------------------------------------


def _cut(chance: Chance, text: bytes) -> bytes:
    return text[: chance.randrange(len(text) + 1)]


def _flip_bytes(chance: Chance, text: bytes) -> bytes:
    flipped = bytearray(text)
    for _ in range(chance.choice((1, 1, 3, 10))):
        flipped[chance.randrange(len(flipped))] = chance.randrange(256)
    return bytes(flipped)


def _put_in(chance: Chance, text: bytes) -> bytes:
    pieces = [b"\0", b"\x85", b"\t", b"\r", "\ufeff".encode(), b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\n---\n",
              b"\n...\n", b"%YAML 1.1\n---\n", b"\n<<: {seed: 3}\n", b"\n? x\n", b"'", b'"', b"#", b": ", b"\n- ",
              "\u2028".encode(), b"\n\n\n", b"{{", b"&a ", b"*a ", b"!!int "]  # fmt: skip
    place = chance.choice((0, chance.randrange(len(text) + 1), len(text)))
    return text[:place] + chance.choice(pieces) + text[place:]


def _line_twice(chance: Chance, text: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    place = chance.randrange(len(lines)) if lines else 0
    return b"".join([*lines[:place], *lines[place : place + 1] * 2, *lines[place + 1 :]])


def _nested_deeply(chance: Chance, text: bytes) -> bytes:
    depth = chance.choice((100, 500, 990, 5000, 100_000))
    opening, closing = chance.choice(((b"[", b"]"), (b"{a: ", b"}"), (b"[", b""), (b"- ", b""), (b"? ", b"")))
    return b"question: " * (opening in b"[{a: ") + opening * depth + b"1" + closing * depth + b"\n" + text


def _alias_bomb(chance: Chance, text: bytes) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode() + b"\n" + text


def _other_encoding(chance: Chance, text: bytes) -> bytes:
    encoding = chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "cp037"))
    return text.decode("utf-8", "replace").encode(encoding, "replace")


TEXT_CHANGES = [_cut, _flip_bytes, _put_in, _line_twice, _nested_deeply, _alias_bomb, _other_encoding]
"""Every change of a text."""


# --- writing ----------------------------------------------------------------------------------------------------------


def written(data: Any, top: bool = True) -> str:
    """Data as YAML: keys of the root in lines of their own, everything below in braces and brackets."""
    if isinstance(data, dict):
        pairs = [(_key(key), value) for key, twice in data.items() for value in _values(twice)]
        if top:
            return "".join(f"{key}: {written(value, False)}\n" for key, value in pairs)
        return "{" + ", ".join(f"{key}: {written(value, False)}" for key, value in pairs) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(written(value, False) for value in data) + "]"
    if isinstance(data, Twice):
        return written(data.values[0], False)
    if isinstance(data, Raw):
        return str(data)
    if isinstance(data, float) and (data != data or abs(data) == float("inf")):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}[str(data)]
    return json.dumps(data)


def _key(key: Any) -> str:
    return key if isinstance(key, str) and key.isidentifier() and key.isascii() else json.dumps(str(key))


def _values(value: Any) -> tuple[Any, ...]:
    return value.values if isinstance(value, Twice) else (value,)


def save(made: Mutation, folder: Path) -> Path:
    """Writes the scenario file of a mutation."""
    path = folder / f"mutation-{made.number}.yaml"
    path.write_bytes(made.text)
    return path
