"""HDF5 files that somebody has made to mislead: each is a sound trajectory with one thing changed, by its name."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Edit = Callable[[h5py.File], object]
POSITION, VELOCITY = "particles/vectors/position", "particles/vectors/velocity"
VECTORS, PROVENANCE, SERIES = "particles/vectors", "parameters/provenance", "series/potential_energy"
HUGE = 10**12
BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)


def crafted(good: Path, folder: Path, names: list[str] | None = None) -> Iterator[tuple[str, Path]]:
    """Name and file of each; of those that are named if some are."""
    edits = dict(_edits())
    for name in edits if names is None else names:
        path = folder / f"{name.replace('/', '-').replace(' ', '_')[:150]}.h5"
        if name in _REBUILT:
            with h5py.File(good) as source, h5py.File(path, "w", **_REBUILT[name]) as file:
                for item in source:
                    source.copy(item, file)
        else:
            shutil.copy(good, path)
        with h5py.File(path, "a") as file:
            edits[name](file)
        yield name, path


_REBUILT: Mapping[str, dict[str, Any]] = {
    "the latest format": {"libver": "latest"},
    "a block before the file": {"userblock_size": 512},
    "groups in order of creation": {"track_order": True},
}


def _edits() -> Iterator[tuple[str, Edit]]:
    for name in _REBUILT:
        yield name, lambda file: None
    yield from _attributes()
    yield from _sizes()
    yield from _types()
    yield from _numbers()
    yield from _links()
    yield from _filters()


def _attributes() -> Iterator[tuple[str, Edit]]:
    values: dict[str, list[Any]] = {
        "precision": ["float16", 5, np.zeros(3), h5py.Empty("f4"), "", "bfloat16", b"\xff\xfe", np.void(b"abc")],
        "degrees_of_freedom": ["many", -1, 1e300, np.nan, np.uint64(2**64 - 1), np.arange(3), h5py.Empty("i8"), 2.5],
        "source": [3, "nobody", np.zeros(2), h5py.Empty("S1")],
        "scenario": ["5", "true", "null", "", "[" * 5000, "{a: " * 5000, BOMB, "- 1\n- 2", "title: 3", 7, "\0",
                     "a: !x 3", "title: [/b]\nspace: {kind: free, dimensions: 99}", _scenario("x7**2"),
                     _scenario("x0/0"), _wells()],
        "files": ["[]", "{", "[" * 5000, '{"a": 5}', '{"a": {"path": 3}}', 5, '{"a": {"path": "/", "size": 1e400}}'],
        "plugins": [5, "\x1b[31m", ", , ,", np.zeros(2)],
        "optimiser": [5, "adam", np.zeros(2)],
        "optimiser_step": [np.zeros(2), np.void(b"ab")],
        "device": [np.zeros(2)],
        "title": [5, "\x1b]0;evil\x07", "\u202e"],
    }  # fmt: skip
    for name, changed in values.items():
        yield f"no {name}", _without_attribute(PROVENANCE, name)
        for number, value in enumerate(changed):
            yield f"{name} {number}", _attribute(PROVENANCE, name, value)
    names = [np.zeros(2), "gas", np.array(["a"], "S1"), [], ["gas", "gas"], ["", "a"], ["../../evil", "/etc"],
             [f"n{i}" for i in range(3000)], ["[/b]", "\x1b[2J"], ["\u202e", "$\\frac"], h5py.Empty("S1")]  # fmt: skip
    for number, value in enumerate(names):
        text = value if isinstance(value, np.ndarray | str | h5py.Empty) else np.array(value, h5py.string_dtype())
        yield f"names {number}", _attribute(f"{VECTORS}/species", "names", text)
    yield "no names", _without_attribute(f"{VECTORS}/species", "names")


def _scenario(energy: str) -> str:
    return json.dumps(
        {
            "title": "a", "question": "b", "space": {"kind": "free", "dimensions": 3},
            "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 6, "spread": 1.0}}],
            "forces": [{"kind": "expression", "energy": energy}],
            "dynamics": {"kind": "langevin", "time_step": 0.1, "friction": 1.0}, "temperature": 1.0,
            "run": {"steps": 3},
        }
    )  # fmt: skip


def _wells() -> str:
    data = json.loads(_scenario("x0**2"))
    data["forces"] = [{"kind": "gaussian_wells", "centres": [[0.0] * 7], "depths": [1.0], "widths": [1.0]}]
    return json.dumps(data)


def _sizes() -> Iterator[tuple[str, Edit]]:
    """Shapes for which there are no values, as far as the library lets one claim them."""
    fixed = {
        "connectivity/ring": (HUGE, 2), f"{VECTORS}/species": (HUGE,), f"{VECTORS}/token_id": (HUGE,),
        f"{VECTORS}/charge": (HUGE,), f"{VECTORS}/mass": (HUGE,), f"{VECTORS}/box/edges": (HUGE,),
        f"{POSITION}/step": (HUGE,), f"{POSITION}/value": (3, HUGE, 3), f"{VELOCITY}/value": (3, 10, 10**10),
        f"{SERIES}/value": (HUGE,), "field/full/hidden/value": (3, HUGE, 3),
        "particles/vectors_survey/token_id": (HUGE,), "particles/trajectory/axes": (3, HUGE),
        f"{VECTORS}/appears": (HUGE,),
    }  # fmt: skip
    for place, shape in fixed.items():
        yield f"{place} of nothing", _dataset(place, shape=shape, dtype="f8" if "value" in place else "i8")
        yield f"{place} of no chunks", _dataset(place, shape=shape, dtype="f4", chunks=(1,) * len(shape))
    yield "token of nothing", _dataset(f"{VECTORS}/token", shape=(HUGE,), dtype=h5py.string_dtype())
    yield (
        "position of many dimensions",
        _dataset(f"{POSITION}/value", shape=(3, 10, 10**10), dtype="f4", chunks=(1, 1, 1)),
    )
    yield (
        "sparse positions",
        _dataset(f"{POSITION}/value", shape=(3, 10, 3), dtype="f8", chunks=(1, 10, 3), compression=1),
    )
    for place in (f"{POSITION}/value", f"{SERIES}/value"):
        yield f"{place} without frames", _resized(place, 0)
        yield f"{place} with more frames", _resized(place, 10**9)
        yield f"{place} with fewer frames", _resized(place, 2)


def _types() -> Iterator[tuple[str, Edit]]:
    shape = (3, 10, 3)
    types: dict[str, Any] = {
        "float16": np.zeros(shape, "f2"), "complex": np.zeros(shape, "c16"), "text": np.full(shape, b"a"),
        "objects": np.full(shape, "a", object), "integers": np.zeros(shape, "i4"), "flags": np.zeros(shape, bool),
        "long": np.zeros(shape, "g"), "big-endian": np.ones(shape, ">f8"), "compound": np.zeros(shape, "i4,f4"),
        "opaque": np.zeros(shape, "V3"), "no dimensions": np.zeros((3, 10, 0)), "no particles": np.zeros((3, 0, 3)),
        "flat": np.zeros(3), "deep": np.zeros((3, 10, 3, 1)), "a number": np.float64(3), "null": h5py.Empty("f8"),
    }  # fmt: skip
    for name, value in types.items():
        yield f"position of {name}", _dataset(f"{POSITION}/value", data=value)
        if name in ("compound", "opaque", "text", "null", "complex"):
            yield f"step of {name}", _dataset(f"{POSITION}/step", data=value)
            yield f"series of {name}", _dataset(f"{SERIES}/value", data=value)
            yield f"bonds of {name}", _dataset("connectivity/ring", data=value)
            yield f"token of {name}", _dataset(f"{VECTORS}/token", data=value)
    ragged = np.empty(10, object)
    ragged[:] = [np.arange(number, dtype="i4") for number in range(10)]
    yield "token of ragged numbers", _dataset(f"{VECTORS}/token", data=ragged, dtype=h5py.vlen_dtype("i4"))
    yield "token of references", _dataset(f"{VECTORS}/token", shape=(10,), dtype=h5py.ref_dtype)
    yield "species of a named type", lambda file: file.__setitem__(f"{VECTORS}/kind", np.dtype("f8"))
    yield "a type in place of species", _type(f"{VECTORS}/species")
    for place in (f"{POSITION}", f"{VECTORS}/species", SERIES, "connectivity", "particles", PROVENANCE, "field/full"):
        yield f"{place} missing", _without(place)
    for place in (f"{VECTORS}/species", f"{POSITION}/value", "connectivity/ring", f"{SERIES}/step"):
        yield f"{place} as a group", _group(place)
    for place in (POSITION, "connectivity", "particles/vectors", "series", PROVENANCE, "particles/vectors/box"):
        yield f"{place} as numbers", _dataset(place, data=np.arange(3.0))


def _numbers() -> Iterator[tuple[str, Edit]]:
    three = {
        "alike": [1, 1, 1], "descending": [2, 1, 0], "negative": [-3, -2, -1], "late": [0, 1, 2**62],
    }  # fmt: skip
    for place in (POSITION, SERIES, "field/affine/tidal"):
        for name, value in three.items():
            yield f"{place} steps {name}", _dataset(f"{place}/step", data=np.array(value, "i8"))
        yield f"{place} steps unsigned", _dataset(f"{place}/step", data=np.array([0, 1, 2**63], "u8"))
        yield f"{place} steps undefined", _dataset(f"{place}/step", data=np.array([0, np.nan, 2]))
        yield f"{place} steps in two axes", _dataset(f"{place}/step", data=np.zeros((3, 3), "i8"))
        for name, times in {"undefined": [0, np.nan, 1], "endless": [0, 1, np.inf], "back": [2, 1, 0.0]}.items():
            yield f"{place} times {name}", _dataset(f"{place}/time", data=np.array(times))
    each = {"short": np.ones(3), "undefined": np.full(10, np.nan), "negative": -np.ones(10), "zero": np.zeros(10),
            "large": np.full(10, 1e300), "text": np.full(10, b"a")}  # fmt: skip
    for name in ("mass", "charge"):
        for kind, numbers in each.items():
            yield f"{name} {kind}", _dataset(f"{VECTORS}/{name}", data=numbers)
    for kind, sides in {"short": [1.0], "negative": [1, -1, 1.0], "undefined": [np.nan, 1, 1]}.items():
        yield f"edges {kind}", _dataset(f"{VECTORS}/box/edges", data=np.array(sides))
    for kind, pairs in {"outside": [[0, 10]], "negative": [[-1, 0]], "of one": [[3, 3]], "far": [[0, 2**62]]}.items():
        yield f"bonds {kind}", _dataset("connectivity/ring", data=np.array(pairs))
    yield "species outside", _dataset(f"{VECTORS}/species", data=np.full(10, 77))
    yield "appears before", _dataset(f"{VECTORS}/appears", data=np.full(10, -5))
    yield "appears never", _dataset(f"{VECTORS}/appears", data=np.full(10, 2**40))
    yield "axes undefined", _dataset("particles/trajectory/axes", data=np.full((3, 3), np.nan))
    for kind, number in {
        "undefined": np.nan,
        "endless": np.inf,
        "large": 1e200,
        "largest": 1e308,
        "small": 1e-320,
    }.items():
        yield f"positions {kind}", _dataset(f"{POSITION}/value", data=np.full((3, 10, 3), number))
        yield f"velocities {kind}", _dataset(f"{VELOCITY}/value", data=np.full((3, 10, 3), number))
        yield f"series {kind}", _dataset(f"{SERIES}/value", data=np.full(3, number))


def _links() -> Iterator[tuple[str, Edit]]:
    for place in (
        POSITION,
        f"{VECTORS}/species",
        f"{VECTORS}/mass",
        SERIES,
        "field/full",
        "connectivity/ring",
        "other",
    ):
        yield f"{place} in another file", _link(place, h5py.ExternalLink("/etc/passwd", "/"))
        yield f"{place} leads nowhere", _link(place, h5py.SoftLink("/nowhere"))
        yield f"{place} leads to itself", _link(place, h5py.SoftLink(f"/{place}"))
    for place, shape, dtype in ((f"{POSITION}/value", (3, 10, 3), "f4"), (f"{VECTORS}/mass", (10,), "f8")):
        yield f"{place} in raw files", _dataset(place, shape=shape, dtype=dtype, external=[("/etc/passwd", 0, 360)])
        yield f"{place} in virtual files", _virtual(place, shape, dtype)
    yield "a group inside itself", lambda file: file.__setitem__("series/again", file["series"])
    yield "the root inside itself", lambda file: file.__setitem__("series/root", file["/"])
    yield "groups that double", _doubling
    yield "groups without end", lambda file: file.create_group("series/" + "/".join("a" * 300))
    yield "many groups", lambda file: [file.create_group(f"series/g{number}/x") for number in range(300)]


def _filters() -> Iterator[tuple[str, Edit]]:
    values = np.arange(90.0).reshape(3, 10, 3)
    ways: dict[str, dict[str, Any]] = {
        "lzf": {"compression": "lzf"}, "checksums": {"fletcher32": True}, "scaling": {"scaleoffset": 3},
        "deflate": {"compression": "gzip"}, "all": {"compression": "gzip", "shuffle": True, "fletcher32": True},
        "none": {}, "tall chunks": {"compression": "gzip", "maxshape": (None, None, None), "chunks": (1000, 100, 30)},
    }  # fmt: skip
    for name, options in ways.items():
        chunked = {"chunks": (1, 10, 3), **options}
        yield f"positions packed by {name}", _dataset(f"{POSITION}/value", data=values, **chunked)
    yield "a chunk that explodes", _bomb
    yield "a chunk of another size", _misfit


def _dataset(place: str, **options: Any) -> Edit:
    def change(file: h5py.File) -> None:
        attributes: dict[str, Any] = {}
        if place in file:
            attributes = dict(file[place].attrs)
            del file[place]
        file.create_dataset(place, **options).attrs.update(attributes)

    return change


def _attribute(place: str, name: str, value: Any) -> Edit:
    def change(file: h5py.File) -> None:
        file[place].attrs.pop(name, None)
        text = value.encode() if isinstance(value, str) and "\0" in value else value
        file[place].attrs[name] = np.bytes_(text) if isinstance(text, bytes) else text

    return change


def _without_attribute(place: str, name: str) -> Edit:
    return lambda file: file[place].attrs.pop(name, None)


def _without(place: str) -> Edit:
    return lambda file: file.pop(place)


def _group(place: str) -> Edit:
    def change(file: h5py.File) -> None:
        file.pop(place)
        file.create_group(place)["inside"] = 1

    return change


def _type(place: str) -> Edit:
    def change(file: h5py.File) -> None:
        file.pop(place)
        file[place] = np.dtype("f8")

    return change


def _link(place: str, link: h5py.SoftLink | h5py.ExternalLink) -> Edit:
    def change(file: h5py.File) -> None:
        file.pop(place, None)
        file[place] = link

    return change


def _resized(place: str, frames: int) -> Edit:
    return lambda file: file[place].resize(frames, axis=0)


def _virtual(place: str, shape: tuple[int, ...], dtype: str) -> Edit:
    def change(file: h5py.File) -> None:
        file.pop(place, None)
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource("/etc/passwd", "x", shape)
        file.create_virtual_dataset(place, layout)

    return change


def _doubling(file: h5py.File) -> None:
    inner = file.create_group("g0")
    for number in range(1, 40):
        outer = file.create_group(f"g{number}")
        outer["a"] = outer["b"] = inner
        inner = outer
    file["series/many"] = inner


def _bomb(file: h5py.File) -> None:
    """300 kB that become 300 MB."""
    file.pop(f"{POSITION}/value")
    chunked = file.create_dataset(f"{POSITION}/value", (3, 10, 3), "f8", chunks=(3, 10, 3), compression="gzip")
    packer = zlib.compressobj(9)
    chunked.id.write_direct_chunk((0, 0, 0), packer.compress(bytes(300_000_000)) + packer.flush())


def _misfit(file: h5py.File) -> None:
    file.pop(f"{POSITION}/value")
    chunked = file.create_dataset(f"{POSITION}/value", (3, 10, 3), "f8", chunks=(3, 10, 3))
    chunked.id.write_direct_chunk((0, 0, 0), bytes(7))


_SCENARIOS = [f"scenario {number}" for number in range(16) if number != 9]
HARMLESS = frozenset(
    [
        *_REBUILT, *_SCENARIOS, *(f"files {number}" for number in (0, 1, 2, 3, 4, 6)),
        *(f"names {number}" for number in (6, 7, 8, 9)),
        *(f"no {what}" for what in ("degrees_of_freedom", "source", "scenario", "files", "plugins", "optimiser")),
        "no title", "no optimiser_step", "no device",
        "degrees_of_freedom 6", "source 1", "source 3", "plugins 1", "plugins 2", "optimiser 1", "title 1", "title 2",
        "position of big-endian", "species of a named type", "series/potential_energy missing", "connectivity missing",
        "field/full missing", "particles/vectors/box as numbers", "charge negative", "charge zero", "appears never",
        *(f"{what} {how}" for what in ("positions", "velocities", "series")
          for how in ("undefined", "endless", "large", "largest", "small")),
        "other leads nowhere", "other leads to itself", "many groups",
        *(f"positions packed by {how}" for how in ("lzf", "checksums", "deflate", "all", "none", "tall chunks")),
    ]
)  # fmt: skip
"""What is legal, or does not concern what is read: the text of a scenario that cannot be rebuilt is said in `left_out`,
names and numbers may be anything, and other programs choose formats and filters."""
