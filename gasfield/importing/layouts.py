"""Folders of checkpoints as people have them, each resolved to a list of checkpoints.

series/step1000/model.safetensors          a folder each, with the weights
series/step1000/mp_rank_00/...pt           or with the weights one level down
series/step1000.pt                         a file each
models--org--name/refs, snapshots          the cache of the Hugging Face hub: branches name the steps
runs/checkpoints/...                       a folder that holds nothing but a series
"""

from __future__ import annotations

import re
from pathlib import Path

from gasfield.errors import InputError
from gasfield.importing.entries import STATE, Entry, Found, listed
from gasfield.importing.steps import Place, stated_by
from gasfield.tensors.folder import is_model, weight_files, without_weights

_INNER = re.compile(
    r"model|models?_and_optim(?:izer)?|module|weights|hf|hf_model|huggingface|transformer|pytorch_model(?:_fsdp)?(?:_\d+)?"
    r"|checkpoint|mp_rank_\d+(?:_\d+)?|global_step\d+|unsharded|consolidated",
    re.IGNORECASE | re.ASCII,
)
"""Folders in which frameworks put the weights of one checkpoint (DeepSpeed, Megatron, OLMo, Accelerate, NeMo)."""
_PART = re.compile(r"mp_rank_\d+(?:_\d+)?", re.ASCII)
_LONGEST_REF = 100


def checkpoints_in(folder: Path) -> Found:
    """The checkpoints of a folder; none if it is one model itself, or holds no weights.

    If a trainer left its final model beside the folders of its checkpoints, these are taken, with a note.

    Raises:
        InputError: if it holds several series, or models divided among processes.
    """
    found = _directly_in(folder)
    if found.entries or is_model(folder):
        return found
    inner = {child: each for child in _folders(folder) if (each := _directly_in(child)).entries}
    if len(inner) > 1:
        names = _names(list(inner))
        raise InputError(f"{folder}: several series of checkpoints, in {names}; import one of these folders.")
    if not inner:
        return found
    [(child, found)] = inner.items()
    return Found(found.entries, (f"{folder}: the checkpoints are those of {_names([child])}", *found.notes))


def model_in(folder: Path) -> Path | None:
    """The folder with the weights of one model: this one, one of a known name in it, or the only snapshot of a cache.

    Raises:
        InputError: if the name of the folder states a step, and the model in it is divided among processes, or there
            are several.
    """
    if is_model(folder):
        return folder
    if _is_cache(folder):
        snapshots = _cached(folder).entries
        return snapshots[0].path if len({entry.path for entry in snapshots}) == 1 else None
    inner = [child for child in _folders(folder) if is_model(child)]
    known = [child for child in inner if _INNER.fullmatch(child.name)]
    counted = stated_by(folder.name).counted
    if counted and len(known) > 1:
        parts = all(_PART.fullmatch(child.name) for child in known)
        raise InputError(
            f"{folder}: the model is divided among {len(known)} processes ({_names(known)}), and its matrices with it; "
            "merge the parts with the tools of its framework."
            if parts
            else f"{folder}: several models in this folder, {_names(known)}; import one of them, or move the others."
        )
    if len(known) == 1:
        return known[0]
    inner_counted = any(stated_by(child.name).counted for child in inner)
    return inner[0] if len(inner) == 1 and counted and not inner_counted else None


def _directly_in(folder: Path) -> Found:
    cache = folder.parent if folder.name == "snapshots" else folder
    if _is_cache(cache):
        return _cached(cache)
    children = {child: model_in(child) for child in _folders(folder)}
    folders = [Entry(child.name, model, child) for child, model in children.items() if model is not None]
    empty = [Entry(child.name, child, child) for child, model in children.items() if model is None]
    empty = [entry for entry in empty if entry.stated.counted]
    notes = [f"{folder}: no weights in {listed(empty)}"] if empty else []
    files = [Entry(file.name, file, file) for file in weight_files(folder)]
    if is_model(folder):
        found = _beside_a_model(folder, folders, files)
        return Found(found.entries, (*notes, *found.notes)) if found.entries else found
    if not folders:
        return Found(tuple(files), tuple(notes))
    others = [entry for entry in files if not _states_something(entry)]
    if others:
        notes.append(f"{folder}: files beside the folders are left out: {listed(others)}")
    return Found((*folders, *filter(_states_something, files)), tuple(notes))


def _states_something(entry: Entry) -> bool:
    """Whether its name states a number, or a place in a series."""
    return entry.stated.counted or entry.stated.place is not Place.COUNTED


def _beside_a_model(folder: Path, folders: list[Entry], files: list[Entry]) -> Found:
    """Checkpoints whose name states a step, in the folder of a model; others are the model in other formats."""
    stepped = [entry for entry in folders if entry.stated.counted or (entry.home / STATE).is_file()]
    if not stepped:
        return Found()
    if files and all(entry.stated.counted for entry in files):
        return Found((*stepped, *files))
    note = f"{folder}: the model in the folder itself is left out; its step is unknown"
    return Found(tuple(stepped), (note,))


def _is_cache(folder: Path) -> bool:
    """Whether a folder is one repository in the cache of the Hugging Face hub."""
    return (folder / "snapshots").is_dir() and ((folder / "refs").is_dir() or folder.name.startswith("models--"))


def _cached(cache: Path) -> Found:
    """The snapshots of a repository, by the names of its branches; a commit without a branch by its hash."""
    entries: list[Entry] = []
    missing: list[Entry] = []
    referred: set[str] = set()
    for name, commit in _branches(cache / "refs"):
        snapshot = cache / "snapshots" / commit
        model = model_in(snapshot) if snapshot.is_dir() else None
        referred.add(commit)
        if model is not None:
            entries.append(Entry(name, model, snapshot))
        else:
            missing.append(Entry(name, snapshot, snapshot))
    for snapshot in _folders(cache / "snapshots"):
        model = model_in(snapshot) if snapshot.name not in referred else None
        if model is not None:
            entries.append(Entry(snapshot.name, model, snapshot))
    return Found(tuple(entries), (f"{cache}: no weights of {listed(missing)} in this cache",) if missing else ())


def _branches(refs: Path) -> list[tuple[str, str]]:
    """Name and commit of each branch; a name may contain slashes."""
    found = []
    for file in sorted(refs.rglob("*")) if refs.is_dir() else []:
        if file.is_file() and file.stat().st_size <= _LONGEST_REF:
            commit = file.read_bytes().decode("ascii", "replace").strip()
            if re.fullmatch(r"[0-9a-f]{7,64}", commit):
                found.append((file.relative_to(refs).as_posix(), commit))
    return found


def _names(folders: list[Path]) -> str:
    return listed([Entry(child.name, child, child) for child in folders])


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder that may be or hold checkpoints, by name."""
    return [
        child
        for child in sorted(folder.iterdir())
        if child.is_dir() and not child.name.startswith(".") and not without_weights(child.name)
    ]
