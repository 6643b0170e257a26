"""The checkpoints of a series as they were found, and what their trainers wrote beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gasfield.importing.json_files import object_in
from gasfield.importing.steps import Stated, stated_by
from gasfield.printable import listed as shortened_list
from gasfield.printable import shortened
from gasfield.reading import whole
from gasfield.tensors.folder import SUFFIXES

STATE = "trainer_state.json"
_MOST_NAMED = 5


@dataclass(frozen=True)
class Entry:
    """One checkpoint.

    Attributes:
        name: of its folder, file or branch.
        path: the file or folder with its weights.
        home: the folder or file that has the name, or to which the branch refers; a trainer's state lies in it.
    """

    name: str
    path: Path
    home: Path

    @property
    def stem(self) -> str:
        """The name without the suffix of a file."""
        suffix = next((each for each in SUFFIXES if self.name.lower().endswith(each)), "")
        return self.name[: -len(suffix)] if suffix else self.name

    @property
    def shown(self) -> str:
        """The name, for a message."""
        return shortened(self.name)

    @property
    def stated(self) -> Stated:
        """What its name states."""
        return stated_by(self.stem)


@dataclass(frozen=True)
class Found:
    """The checkpoints in a folder, in no particular order, and notes on what was left out."""

    entries: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()


def state_of(entry: Entry) -> tuple[int | None, str | None]:
    """The step in the trainer's state beside the weights, and a note if there is a state without a usable one."""
    for folder in dict.fromkeys((entry.home, entry.path)):
        file = folder / STATE
        if folder.is_dir() and file.is_file():
            step = whole((object_in(file) or {}).get("global_step"))
            if step is not None and step >= 0:
                return step, None
            return None, f"{file}: no `global_step` that is a whole number; it is ignored"
    return None, None


def listed(entries: Sequence[Entry]) -> str:
    """Names of some checkpoints, not too many, for a message."""
    return shortened_list([entry.name for entry in entries], _MOST_NAMED)
