"""What the name of a checkpoint states: a step, tokens or an epoch, its run, a place in the series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction

LARGEST_STEP = 2**63 - 1

_FLAGS = re.IGNORECASE | re.ASCII
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_DIGITS = r"(?P<digits>\d{1,3}(?:[_,]\d{3})+(?!\d)|\d+(?:\.\d+)?)"
"""10_000 and 10,000 are ten thousand; 0.1 makes sense with a unit."""
_END = r"(?![a-z\d])(?!\.\d)"
_NUMBER = rf"[\s_=:.#-]{{0,2}}{_DIGITS}(?P<unit>[kmgbt]?){_END}"

_COUNTERS = {
    "step": re.compile(rf"steps?{_NUMBER}", _FLAGS),
    "iteration": re.compile(rf"(?<![a-z])(?:iterations?|iters?|itr|updates?|batch(?:es)?|ba){_NUMBER}", _FLAGS),
    "checkpoint": re.compile(rf"(?<![a-z])(?:checkpoints?|ckpts?|chkpt|cp){_NUMBER}", _FLAGS),
}
"""What a training counts, the most definite first."""
_TOKENS = re.compile(rf"(?<![a-z])tok(?:en)?s?{_NUMBER}", _FLAGS)
_AMOUNT_OF_TOKENS = re.compile(
    rf"(?<![a-z\d.]){_DIGITS}(?P<unit>[kmgbt])(?:[\s_-]?tok(?:en)?s?|(?<=b)t)(?![a-z\d])", _FLAGS
)
"""240b_tokens, 200bt."""
_EPOCH = re.compile(rf"(?<![a-z])(?:epochs?|ep){_NUMBER}", _FLAGS)
_LIMIT = re.compile(r"(?:max|num|total|warm-?up|decay)[_-]?$", _FLAGS)
"""Before a counter, it makes a setting of it: max_steps=1000."""
_PAIR = re.compile(r"checkpoint_(\d{1,3})_(\d+)", _FLAGS)
"""fairseq's epoch and update; with three digits it may be one number too."""

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_METRIC = re.compile(
    r"(?:[a-z][a-z_]*=|(?:[a-z]+_)?(?:loss|ppl|perplexity|acc|accuracy|bleu|score)[_-]?)-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
    r"(?![a-z\d])",
    _FLAGS,
)
"""val_loss=0.31, loss_0.31: results that differ from step to step."""
_FILLER = re.compile(r"(?:checkpoint|ckpt)s?|global|intermediate|model|pytorch|saved?|state|train(?:ing)?|weights")
"""Words that distinguish no run from another."""
_FIRST = frozenset(["init", "initial", "initialization", "initialisation"])
_LAST = frozenset(["final", "last", "latest"])
_ASIDE = frozenset(["best", "head", "main", "master"])
_PROPOSAL = re.compile(r"(?:refs[/_-]+)?(?:pr|convert)[/_-]+", _FLAGS)
"""Branches of the Hugging Face hub that are no checkpoints: refs/pr/1, refs/convert/parquet."""
_STAGE = re.compile(
    r"(?<![a-z])(stage|phase|ingredient|seed|rank|run|fold|trial|replica|member)[\s_=-]{0,2}(\d+)", _FLAGS
)
"""Words whose number distinguishes one run, or part of a run, from another."""


class Place(Enum):
    """Where a checkpoint stands by the words of its name."""

    COUNTED = auto()
    """By a number, or nowhere."""
    FIRST = auto()
    LAST = auto()
    ASIDE = auto()
    """A copy of some other one: main, best, a pull request."""
    HASH = auto()


class Pair(Enum):
    """How `checkpoint_1_500` may be read."""

    ONE_NUMBER = auto()
    EPOCH_AND_UPDATE = auto()
    EITHER = auto()


@dataclass(frozen=True)
class Stated:
    """What a name states.

    Attributes:
        step: its number; None if there is none, or several.
        counter: what the number counts: "step", "iteration" or "checkpoint"; empty without one.
        tokens: number of training tokens.
        epoch: number of the epoch.
        run: what distinguishes the run or stage from others, in lower case: "stage2-ingredient1", "seed_0" as "seed0".
        place: by the words of the name.
        pair: of a name such as `checkpoint_1_500`, how it may be read; `step` is then 1500, or 500 of EPOCH_AND_UPDATE.
        update: of EITHER, the step if it is epoch and update.
    """

    step: int | None = None
    counter: str = ""
    tokens: int | None = None
    epoch: int | None = None
    run: str = ""
    place: Place = Place.COUNTED
    pair: Pair | None = None
    update: int | None = None

    @property
    def counted(self) -> bool:
        """Whether it states a number of any kind."""
        return not (self.step is None and self.tokens is None and self.epoch is None)


def stated_by(name: str) -> Stated:
    """Parses the name of a checkpoint: of a folder, of a file without its suffix, or of a branch."""
    counters = _counters(name)
    counter, matches = next(iter(counters.items()), ("", []))
    tokens = list(_TOKENS.finditer(name)) or list(_AMOUNT_OF_TOKENS.finditer(name))
    epochs = list(_EPOCH.finditer(name))
    every = [*(match for of_one in counters.values() for match in of_one), *tokens, *epochs]
    if not every:
        return _placed(name)
    first = min(every, key=lambda match: match.start())
    step = _only(matches)
    pair, epoch, update = None, _only(epochs), None
    if (two := _PAIR.search(name)) and counter == "checkpoint":
        pair = _reading(two[2])
        if pair is Pair.EPOCH_AND_UPDATE:
            epoch, step = int(two[1]), int(two[2])
        update = int(two[2]) if pair is Pair.EITHER else None
    run = _run(name[: first.start()], name[first.end() :])
    return Stated(step, counter if step is not None else "", _only(tokens), epoch, run, Place.COUNTED, pair, update)


def same_words(text: str) -> str:
    """Text in the form of `Stated.run`: lower case, words joined by hyphens, numbers joined to their word."""
    joined = _STAGE.sub(lambda match: match[1] + match[2], text.lower())
    return "-".join(word for word in re.split(r"[^a-z0-9.]+", joined) if word.strip("."))


def _counters(name: str) -> dict[str, list[re.Match[str]]]:
    """Where a name mentions a counter, by counter, the most definite first."""
    found = {
        counter: [match for match in pattern.finditer(name) if not _LIMIT.search(name[: match.start()])]
        for counter, pattern in _COUNTERS.items()
    }
    return {counter: matches for counter, matches in found.items() if matches}


def _only(matches: list[re.Match[str]]) -> int | None:
    """The whole number that all matches state; None if there is none, or more than one."""
    values = {_value(match) for match in matches}
    return values.pop() if len(values) == 1 else None


def _value(match: re.Match[str]) -> int | None:
    number = Fraction(match["digits"].replace("_", "").replace(",", "")) * _UNITS[match["unit"].lower()]
    return int(number) if number.denominator == 1 else None


def _reading(update: str) -> Pair:
    if len(update) != 3:
        return Pair.EPOCH_AND_UPDATE
    return Pair.ONE_NUMBER if update.startswith("0") else Pair.EITHER


def _run(before: str, after: str = "") -> str:
    """What precedes the numbers of a name, without metrics and fillers; and stages and the like that follow them."""
    words = [word for word in same_words(_METRIC.sub("", before)).split("-") if word and not _FILLER.fullmatch(word)]
    return "-".join([*words, *(f"{word}{number}".lower() for word, number in _STAGE.findall(after))])


def _placed(name: str) -> Stated:
    """The place of a name without a number of its own."""
    if _HASH.fullmatch(name):
        return Stated(place=Place.HASH)
    if _PROPOSAL.match(name):
        return Stated(place=Place.ASIDE)
    words = _run(name).split("-")
    for place, known in ((Place.ASIDE, _ASIDE), (Place.FIRST, _FIRST), (Place.LAST, _LAST)):
        if known.intersection(words):
            return Stated(run="-".join(word for word in words if word not in known), place=place)
    return Stated(run=_run("", name))
