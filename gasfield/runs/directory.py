"""Run directories: created with their complete scenario, numbered, and replaced without deleting what is not ours."""

from __future__ import annotations

import errno
import os
import time as clock
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gasfield.errors import InputError
from gasfield.files import (
    DRAFT,
    drop_draft,
    make_folder,
    new_draft,
    remove,
    remove_drafts,
    sync_folder,
    write_file,
    writing,
)
from gasfield.names import component
from gasfield.resources import ARRAYS, TRAJECTORY, next_free
from gasfield.runs.former import FILES, SUMMARY, former_manifest
from gasfield.runs.lock import LOCK, only_one, working_in
from gasfield.runs.manifest import MANIFEST, PLAYED, SCENARIO, Manifest, scenario_digest
from gasfield.trajectory import Checkpoint

OUTPUTS = Path("outputs")
PLOTS = "plots"
LATEST = "latest"
"""Link to the run that was begun last, finished or not."""
PROFILE = "profile.json"
"""Where the time of a run went."""
HINDCAST = "hindcast.json"
"""Where and why a hindcast departs from its recording."""
_OLD = 3600.0
"""Age of drafts that no process is using [s]."""
_EXISTS = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
_FORMER_DRAFTS = ("checkpoint.h5.part", "summary.json.part", "files.json.part")
_RESULTS = (TRAJECTORY, SUMMARY, ARRAYS, PROFILE, HINDCAST, FILES, PLAYED)
OWN = (SCENARIO, MANIFEST, LOCK, *_RESULTS)
"""Files that a run writes or replaces by itself, besides checkpoints and pictures."""


@contextmanager
def new_directory(name: str, output: Path | None, text: str, manifest: Manifest) -> Iterator[Path]:
    """A run directory with its scenario and manifest, kept for this process.

    Args:
        name: of the scenario; the directory is outputs/NAME/NNN if `output` is None.
        output: the directory; see `check_output`.
        text: of scenario.yaml.
        manifest: of run.json.

    Raises:
        InputError: if the directory was created by another process in the meantime, or holds a file that an operation
            is to write.
        WriteError: if it cannot be written.
    """
    with ExitStack() as stack:
        if output is not None and output.is_dir():
            directory = output
            _replace(directory, text, manifest, stack)
        else:
            directory = _create(output, OUTPUTS / component(name), text, manifest, stack)
        stack.enter_context(working_in(directory))
        yield directory


def _create(output: Path | None, numbered: Path, text: str, manifest: Manifest, stack: ExitStack) -> Path:
    """A new directory: written as a hidden draft beside it, and renamed."""
    parent = make_folder(numbered if output is None else output.parent)
    _drop_old_drafts(parent)
    draft = _new_folder(parent)
    try:
        write_file(draft / LOCK, "")
        stack.enter_context(only_one(draft))
        write_file(draft / SCENARIO, text)
        manifest.write(draft)
        while True:
            directory = next_free(parent) if output is None else output
            if _rename(draft, directory):
                return directory
            if output is not None:
                raise InputError("exists already; choose another.", parameter="output", value=output)
    finally:
        drop_draft(draft)


def _drop_old_drafts(parent: Path) -> None:
    """Deletes drafts of processes that were killed; those of the last hour may still be in use."""
    for draft in parent.glob(f"{DRAFT}[0-9]*-[0-9]*"):
        with suppress(OSError):
            if clock.time() - draft.lstat().st_mtime > _OLD:
                drop_draft(draft)


def _new_folder(parent: Path) -> Path:
    """A draft that is a folder."""
    while True:
        draft = new_draft(parent)
        with writing(draft), suppress(FileExistsError):
            os.mkdir(draft)
            return draft
        drop_draft(draft)


def _rename(draft: Path, directory: Path) -> bool:
    """Renames a folder durably; False if the name is taken. An empty folder would be replaced by the system, so it is
    looked for first."""
    if os.path.lexists(directory):
        return False
    with writing(directory):
        try:
            os.rename(draft, directory)
        except OSError as fault:
            if fault.errno in _EXISTS:
                return False
            raise
        sync_folder(directory.parent)
    return True


def _replace(directory: Path, text: str, manifest: Manifest, stack: ExitStack) -> None:
    """Takes the place of a former run. At any moment there is a manifest, or nothing that needs one."""
    former = _manifest(directory)
    if former is not None:
        stack.enter_context(only_one(directory))
        _refuse_strangers(directory, manifest, former)
        if Manifest.read(directory) is None:
            former.write(directory)
        _erase_results(directory, former)
        remove(directory / SCENARIO)
    if not (directory / LOCK).exists():
        write_file(directory / LOCK, "")
        stack.enter_context(only_one(directory))
    manifest.write(directory)
    write_file(directory / SCENARIO, text)


def _refuse_strangers(directory: Path, manifest: Manifest, former: Manifest) -> None:
    """A file of somebody else must not have the name of one that an operation is to write.

    Raises:
        InputError: if one has.
    """
    for name in manifest.operations:
        if name not in former.operations and (directory / name).exists():
            message = f"holds {name}, which no run has written and an operation is to write; move it away."
            raise InputError(message, parameter="output", value=directory)


def check_output(output: Path | None, *, overwrite: bool) -> None:
    """Checks that a run may have this directory. Only an empty folder or a run directory is ever replaced.

    Raises:
        InputError: if it may not.
    """
    if output is None or not os.path.lexists(output):
        return
    if not overwrite:
        raise InputError("exists already; choose another, or overwrite it.", parameter="output", value=output)
    if not output.is_dir():
        message = "is not a run directory, so it is not replaced; choose another."
        raise InputError(message, parameter="output", value=output)
    if not any(output.iterdir()):
        return
    manifest, scenario = _manifest(output), output / SCENARIO
    if manifest is None:
        message = f"is not a run directory: what is in it was not written by a run, as far as {MANIFEST} shows. "
        raise InputError(message + "It is not replaced; choose another.", parameter="output", value=output)
    text = scenario.read_text(encoding="utf-8") if scenario.is_file() else None
    if text is not None and scenario_digest(text, played=manifest.played) != manifest.scenario_sha256:
        message = f"holds a {SCENARIO} that was changed since its run; move it away, or choose another."
        raise InputError(message, parameter="output", value=output)
    with only_one(output):  # not while another process is writing there
        pass


def _manifest(directory: Path) -> Manifest | None:
    return Manifest.read(directory) or former_manifest(directory)


def erase(directory: Path, manifest: Manifest) -> None:
    """Deletes a run: the files that it has written, and folders that are empty then.

    Raises:
        WriteError: if that is impossible.
    """
    _erase_results(directory, manifest)
    for name in (SCENARIO, MANIFEST, LOCK):
        remove(directory / name)
    with suppress(OSError):
        os.rmdir(directory)


def _erase_results(directory: Path, manifest: Manifest) -> None:
    Checkpoint.delete_all(directory)
    for name in (*_RESULTS, *manifest.operations, *_FORMER_DRAFTS):
        remove(directory / name)
    erase_pictures(directory, manifest.pictures)
    remove_drafts(directory)
    with suppress(OSError):
        os.rmdir(directory / PLOTS)


def erase_pictures(directory: Path, names: tuple[str, ...]) -> None:
    """Deletes pictures of a run.

    Raises:
        WriteError: if that is impossible.
    """
    for name in names:
        remove(directory / PLOTS / name)
    if (directory / PLOTS).is_dir():
        remove_drafts(directory / PLOTS)


def point_latest(directory: Path) -> str | None:
    """Points the link `latest` beside a numbered directory at it; returns where it pointed before. A convenience: some
    file systems have no links."""
    link = directory.parent / LATEST
    former = None
    with suppress(OSError):
        former = os.readlink(link)
    draft = new_draft(directory.parent)
    with suppress(OSError):
        os.symlink(directory.name, draft)
        os.replace(draft, link)
    drop_draft(draft)
    return former


def point_back(parent: Path, former: str | None) -> None:
    """Takes the link `latest` back to where it pointed before a run that has left nothing."""
    if former is not None and Path(former).name == former and (parent / former).is_dir():
        point_latest(parent / former)
        return
    with suppress(OSError):
        (parent / LATEST).unlink()
