"""Checkpoints with all that is stated of them, and those that the user chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from gasfield.errors import InputError
from gasfield.importing.entries import Entry, listed, state_of
from gasfield.importing.steps import Pair, Place, Stated, same_words

_MOST_NOTES = 5


@dataclass(frozen=True)
class Choice:
    """What the user said of a series.

    Attributes:
        stage: only the checkpoints of this stage: 2, "stage2-ingredient1", "lc-4k-to-32k".
        patterns: of names, with * and ?; those that begin with ! leave out.
        order: "natural", or a file with one name a line, and its step.
        ignore_states: whether the states of trainers are ignored.
    """

    stage: str | None = None
    patterns: tuple[str, ...] = ()
    order: str | None = None
    ignore_states: bool = False


@dataclass(frozen=True)
class Candidate:
    """A checkpoint, what its name states, and the step in its trainer's state."""

    entry: Entry
    stated: Stated
    state: int | None = None

    @property
    def step(self) -> int | None:
        """By the state, else by the name."""
        return self.stated.step if self.state is None else self.state

    @property
    def counted(self) -> bool:
        """Whether a number of any kind is stated of it."""
        return self.state is not None or self.stated.counted

    @property
    def placed_by_number(self) -> bool:
        """Whether it stands where a number puts it, and not where a word of its name does."""
        return self.stated.place is Place.COUNTED or self.state is not None


def names(candidates: Sequence[Candidate]) -> str:
    """Their names, not too many."""
    return listed([each.entry for each in candidates])


def matching(entries: Sequence[Entry], patterns: Sequence[str], where: Path) -> list[Entry]:
    """The entries whose name, with or without suffix, matches one of the patterns and none that begins with !.

    Raises:
        InputError: if there is none.
    """
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]

    def any_of(some: Sequence[str], entry: Entry) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in some for name in (entry.name, entry.stem))

    left = [each for each in entries if (not wanted or any_of(wanted, each)) and not any_of(unwanted, each)]
    if not left:
        message = f"{where}: none of its {len(entries)} checkpoints matches; there are {listed(entries)}."
        raise InputError(message, parameter="filter", value=", ".join(patterns))
    return left


def candidates_of(entries: Sequence[Entry], choice: Choice, where: Path) -> tuple[list[Candidate], list[str]]:
    """What is stated of each entry of the chosen stage; and notes.

    Raises:
        InputError: if there is no such stage, or names can be read in two ways.
    """
    found: list[Candidate] = []
    notes: list[str] = []
    for entry in entries:
        state, note = (None, None) if choice.ignore_states else state_of(entry)
        notes += [note] if note else []
        found.append(Candidate(entry, entry.stated, state))
    found, notes = _read_alike(found, where), _few(notes, where)
    if choice.stage is None:
        return found, notes
    of_stage = [each for each in found if _is_of(each.stated.run, choice.stage)]
    if not of_stage:
        runs = list(dict.fromkeys(each.stated.run for each in found if each.stated.run))
        message = f"{where}: there is no such stage; the names state {', '.join(runs[:10]) or 'no stages'}."
        raise InputError(message, parameter="stage", value=choice.stage)
    return of_stage, [*notes, f"{where}: {len(of_stage)} of {len(found)} checkpoints are of stage {choice.stage}"]


def one_each(candidates: Sequence[Candidate], where: Path) -> tuple[list[Candidate], list[str]]:
    """Without a second name of the same files, unless both state a number; and notes."""
    by_path: dict[Path, list[Candidate]] = {}
    for each in candidates:
        by_path.setdefault(each.entry.path.resolve(), []).append(each)
    kept: list[Candidate] = []
    notes: list[str] = []
    for same in by_path.values():
        first = [each for each in same if each.counted] or same[:1]
        kept += first
        others = [each for each in same if each not in first]
        notes += [f"{where}: {each.entry.shown} is {first[0].entry.shown}, and is imported once" for each in others]
    return kept, _few(notes, where)


def without_copies(candidates: Sequence[Candidate], where: Path) -> tuple[list[Candidate], list[str]]:
    """Without `best` and `last` if by their states they are a step that is there under its own name; and notes."""
    steps = {each.step for each in candidates if each.stated.place is Place.COUNTED} - {None}
    kept: list[Candidate] = []
    notes: list[str] = []
    for each in candidates:
        if each.stated.place is not Place.COUNTED and each.state in steps:
            notes.append(f"{where}: {each.entry.shown} is step {each.state}, and is left out")
        else:
            kept.append(each)
    return kept, _few(notes, where)


def _few(notes: list[str], where: Path) -> list[str]:
    """Notes of one kind on single checkpoints, not too many."""
    more = [f"{where}: the same of {len(notes) - _MOST_NOTES} more"] if len(notes) > _MOST_NOTES else []
    return [*notes[:_MOST_NOTES], *more]


def _is_of(run: str, stage: str) -> bool:
    """Whether a run has a stage: by its number, with what may follow it ("2-ingredient1"), or by its words."""
    words = same_words(stage)
    alternatives = [f"stage{words}", f"phase{words}"] if words[:1].isdecimal() else [words]
    return any(f"-{each}-" in f"-{run}-" for each in alternatives)


def _read_alike(candidates: list[Candidate], where: Path) -> list[Candidate]:
    """Names such as checkpoint_1_500, read as the others of the series are."""
    pairs = {each.stated.pair for each in candidates}
    if Pair.EITHER not in pairs:
        return candidates
    if Pair.EPOCH_AND_UPDATE in pairs:
        return [_by_update(each) if each.stated.pair is Pair.EITHER else each for each in candidates]
    if Pair.ONE_NUMBER in pairs:
        return candidates
    odd = next(each for each in candidates if each.stated.pair is Pair.EITHER)
    raise InputError(
        f"{where}: {odd.entry.shown} is step {odd.stated.step}, or an epoch and step {odd.stated.update}; give a file "
        "with a name and its step in each line.",
        parameter="order",
    )


def _by_update(candidate: Candidate) -> Candidate:
    return replace(candidate, stated=replace(candidate.stated, step=candidate.stated.update))
