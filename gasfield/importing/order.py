"""The order of checkpoints. It is stated by names, by trainers or by the user, and never guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gasfield.errors import InputError
from gasfield.importing.candidates import Candidate, Choice, candidates_of, matching, names, one_each, without_copies
from gasfield.importing.entries import Entry, listed
from gasfield.importing.lists import listed_steps
from gasfield.importing.runs import check_runs, check_stages
from gasfield.importing.steps import LARGEST_STEP, Place
from gasfield.importing.unnumbered import NATURAL, by_the_number_that_varies, naturally, refuse_unordered
from gasfield.printable import shortened

_COPIES = (Place.ASIDE, Place.HASH)


@dataclass(frozen=True)
class Order:
    """Checkpoints in order.

    Attributes:
        entries: by ascending step.
        steps: of each.
        origin: from what the steps are known, in a few words; empty for a single checkpoint without a step.
        notes: on the order, and on what was left out.
    """

    entries: tuple[Entry, ...]
    steps: tuple[int, ...]
    origin: str
    notes: tuple[str, ...] = ()


def in_order(entries: Sequence[Entry], choice: Choice, where: Path) -> Order:
    """The chosen checkpoints by ascending step.

    Args:
        entries: in any order, at least one.
        choice: of the user.
        where: the folder, for messages.

    Raises:
        InputError: if nothing is chosen, two have the same step, or the order is not stated; it names the option.
    """
    left = matching(entries, choice.patterns, where)
    if choice.order not in (None, NATURAL):
        return _by_list(left, Path(str(choice.order)), where)
    known, notes = candidates_of(left, choice, where)
    if choice.order == NATURAL:
        return _numbered(naturally(known), "natural order of their names, as chosen", notes)
    known, of_two_names = one_each(known, where)
    known, of_copies = without_copies(known, where)
    notes += [*of_two_names, *of_copies]
    if len(known) == 1 and not known[0].counted:
        return Order((known[0].entry,), (0,), "", tuple(notes))
    counted = [each for each in known if each.placed_by_number]
    ends = [each for each in known if not each.placed_by_number and each.stated.place not in _COPIES]
    copies = [each for each in known if not each.placed_by_number and each.stated.place in _COPIES]
    if copies and len(counted) + len(ends) < 2 and not any(each.counted for each in counted):
        refuse_unordered([*counted, *ends, *copies], where)
    if copies:
        notes.append(f"{where}: left out, since their names state no step: {names(copies)}")
    _check_ends(ends, counted, choice, where)
    order = _counted(counted, choice, where) if counted else Order((), (), "place in the series that their names state")
    return _with_ends(order, ends, notes, where)


def _counted(known: list[Candidate], choice: Choice, where: Path) -> Order:
    """Checkpoints by the number that is stated of all: a step, tokens, or an epoch; or that their names differ in."""
    _check_states(known, where)
    fields: tuple[tuple[str, Callable[[Candidate], int | None]], ...] = (
        (_origin(known), lambda each: each.step),
        ("number of tokens in their names", lambda each: each.stated.tokens),
        ("epoch in their names", lambda each: each.stated.epoch),
    )
    for origin, field in fields:
        steps = [number for each in known if (number := field(each)) is not None]
        if len(steps) == len(known):
            return _by_steps(known, steps, origin, choice, where)
    if not any(each.counted for each in known):
        found, numbers = by_the_number_that_varies(known, where)
        if numbers is None:
            return _numbered(found, "number in their names", [])
        return Order(tuple(each.entry for each in found), tuple(numbers), "number that is the whole of each name")
    without = [each for each in known if not each.counted] or [each for each in known if each.step is None]
    raise InputError(
        f"{where}: no step in the names of {len(without)} of {len(known)} checkpoints ({names(without)}); leave them "
        "out by patterns, '!NAME' each, or give a file with all names and steps as the order.",
        parameter="filter",
    )


def _by_steps(known: list[Candidate], steps: list[int], origin: str, choice: Choice, where: Path) -> Order:
    pairs = sorted(zip(steps, known, strict=True), key=lambda pair: pair[0])
    steps, known = [step for step, _ in pairs], [each for _, each in pairs]
    check_stages(known, steps, choice, where)
    twice = [step for step, times in Counter(steps).items() if times > 1]
    if twice:
        same = [each for each, step in zip(known, steps, strict=True) if step == twice[0]]
        message = f"{where}: two checkpoints of step {twice[0]}: {names(same)}. Choose by patterns of names."
        raise InputError(message, parameter="filter")
    notes = check_runs(known, steps, choice, where)
    return Order(tuple(each.entry for each in known), tuple(steps), origin, tuple(notes))


def _check_states(known: Sequence[Candidate], where: Path) -> None:
    """Names and states may not contradict each other."""
    for each in known:
        step = each.stated.step
        if each.state is not None and step is not None and step != each.state:
            raise InputError(
                f"{where}: by its name {each.entry.shown} is step {step}, by its trainer_state.json step {each.state}; "
                "ignore metadata to go by the names, or give a file with names and steps as the order.",
                parameter="ignore_metadata",
            )


def _origin(known: Sequence[Candidate]) -> str:
    """From what the steps are known."""
    counters = sorted({each.stated.counter for each in known if each.stated.step is not None})
    of_names = f"{' or '.join(counters).replace('checkpoint', 'checkpoint number')} in their names"
    of_states = "global_step in trainer_state.json"
    if not any(each.stated.step is None for each in known):
        return of_names
    return f"{of_names}, and {of_states}" if counters else of_states


def _numbered(known: Sequence[Candidate], origin: str, notes: Sequence[str]) -> Order:
    note = f"no step in the names of all {len(known)}; they are numbered 0 to {len(known) - 1}"
    entries = tuple(each.entry for each in known)
    return Order(entries, tuple(range(len(known))), origin, (*notes, *((note,) if len(known) > 1 else ())))


def _check_ends(ends: Sequence[Candidate], counted: Sequence[Candidate], choice: Choice, where: Path) -> None:
    """A last checkpoint of another run does not stand at the end of this one."""
    runs = {each.stated.run for each in counted} | {""}
    strange = [each for each in ends if each.stated.run not in runs]
    if strange and not choice.patterns and any(each.counted for each in counted):
        message = f"{where}: {names(strange)}: of the same run as {names(counted)}? Choose by patterns of names."
        raise InputError(message, parameter="filter")


def _with_ends(order: Order, ends: Sequence[Candidate], notes: Sequence[str], where: Path) -> Order:
    """With the first and the last checkpoint, whose names state a place instead of a number."""
    entries, steps, said = list(order.entries), list(order.steps), [*notes, *order.notes]
    for place, word in ((Place.FIRST, "first"), (Place.LAST, "last")):
        here = [each for each in ends if each.stated.place is place]
        if len(here) > 1:
            message = f"{where}: {names(here)}: which is {word}? Leave the others out by patterns, '!NAME' each."
            raise InputError(message, parameter="filter")
        for each in here:
            if place is Place.FIRST and steps and steps[0] <= 0:
                said.append(f"{where}: {each.entry.shown} is left out, since there is a step 0: {entries[0].shown}")
                continue
            at = steps[-1] + 1 if place is Place.LAST and steps else 0
            index = len(entries) if place is Place.LAST else 0
            entries.insert(index, each.entry)
            steps.insert(index, at)
            said.append(f"{where}: {each.entry.shown} states no step; it stands {word}, as step {at}")
    if steps[-1] > LARGEST_STEP:
        raise InputError(f"{where}: {entries[-1].shown}: step {steps[-1]:.2e}; steps up to 2^63 - 1 can be kept.")
    return Order(tuple(entries), tuple(steps), order.origin, tuple(said))


def _by_list(entries: Sequence[Entry], file: Path, where: Path) -> Order:
    """Checkpoints in the order of a file."""
    wanted = listed_steps(file)
    named = {each.stem: each for each in entries} | {each.name: each for each in entries}
    for name in wanted:
        if name not in named:
            raise InputError(
                f"{file}: there is no checkpoint '{shortened(name)}' in {where}; there are {listed(entries)}."
            )
    chosen = {named[name]: step for name, step in wanted.items()}
    if len(chosen) < len(wanted):
        raise InputError(f"{file}: a checkpoint is listed twice, with and without the suffix of its file.")
    left = [each for each in entries if each not in chosen]
    notes = (f"{where}: not in {file.name}, and left out: {listed(left)}",) if left else ()
    return Order(tuple(chosen), tuple(chosen.values()), f"list {file.name}", notes)
