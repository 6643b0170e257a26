"""Tensors that are spread over several files: by an index, or as shards in a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from gasfield.errors import InputError
from gasfield.printable import listed, shortened
from gasfield.reading import read_json
from gasfield.tensors.tensor import Tensor, Words

Reader = Callable[[Path], list[Tensor]]


def read_index(path: Path, read: Reader) -> list[Tensor]:
    """The tensors of a sharded model, by its index. A missing shard is an error only if one of its tensors is loaded.

    Args:
        path: JSON with `weight_map`: name of a tensor -> name of a file in the same folder.
        read: the tensors of one file.

    Raises:
        InputError: if it is no index, or refers to another folder.
    """
    index = read_json(path)
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not all(isinstance(file, str) for file in places.values()):
        raise InputError(f"{path}: not an index of safetensors or other shards, a JSON object with `weight_map`.")
    found: dict[str, Mapping[str, Tensor]] = {}
    for file in sorted(set(places.values())):
        if Path(file).name != file or "\\" in file:
            message = f"{path}: weight_map names '{shortened(file)}'; shards must be in the folder of their index."
            raise InputError(message)
        shard = path.parent / file
        found[file] = {tensor.name: tensor for tensor in read(shard)} if shard.is_file() else {}
    return [found[file].get(name) or missing_tensor(name, path.parent / file) for name, file in places.items()]


def missing_tensor(name: str, shard: Path) -> Tensor:
    """A tensor listed in an index but missing from its shard: loading it raises InputError."""

    def load() -> Words:
        what = "it holds no such tensor" if shard.is_file() else "this shard is missing"
        raise InputError(f"{shard}: {what}; the index lists {shortened(name)} in it.")

    return Tensor(name, None, "", load)


def merged(parts: Mapping[Path, list[Tensor]]) -> list[Tensor]:
    """The tensors of all files of a folder. Of a name that several files have, loading the tensor raises InputError."""
    owners: dict[str, list[Path]] = {}
    found: dict[str, Tensor] = {}
    for path, tensors in parts.items():
        for tensor in tensors:
            owners.setdefault(tensor.name, []).append(path)
            found[tensor.name] = tensor
    return [found[name] if len(paths) == 1 else _ambiguous(name, paths) for name, paths in owners.items()]


def _ambiguous(name: str, paths: list[Path]) -> Tensor:
    """A tensor that several files have."""

    def load() -> Words:
        raise InputError(
            f"{paths[0].parent}: {listed([path.name for path in paths], 5)} all hold {shortened(name)}, and there is "
            "no index that says which is meant; give one of the files."
        )

    return Tensor(name, None, "", load)
