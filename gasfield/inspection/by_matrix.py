"""Dead rows by a matrix alone: a dense class of rows, with probabilities, beside zero and identical rows.

The probability is that of the class, not of death: a token that occurs, but has hardly moved its row (a rare one, or
one not seen so far), belongs to the dense class by all that the matrix shows. Strings of tokens point at such rows:
what never occurs is mostly reserved, `[unused7]` or `<|reserved_special_token_7|>`. The tokenizer says more: a token
that no text gives never occurs (`reachability`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gasfield.embedding import Indices, Matrix, Values
from gasfield.inspection.dormancy import Dormancy, dormancy
from gasfield.inspection.reachability import SINGLE, UNREACHABLE
from gasfield.kernels.rows import count_marks, first_equal, groups_of
from gasfield.quantity import Quantity

_CERTAIN = 0.9
"""Probability of one of the classes beyond which a row is not uncertain."""
_NAMED = 12
"""Most tokens or rows named in a note."""
_RESERVED = re.compile(r"\[.*\]|<.*>|\{\{.*\}\}", re.DOTALL)
_MARKERS = "\u0120\u010a\u2581#"
"""Marks of word boundaries in byte-level and sentencepiece vocabularies and WordPiece."""


@dataclass(frozen=True)
class ByMatrix:
    """Classes of rows.

    Attributes:
        dead: ids of the rows that more likely than not belong to the dense class.
        probability: of each of them to belong to it.
        uncertain: ids of rows, dead or not, whose class has a probability below 0.9.
        ordinary: ids of dead rows whose token is not a reserved one and, as far as that is known, is given by text;
            None if strings are not known.
        zero: ids of rows of zeros.
        identical: groups of ids of identical rows that are not zero, the largest first.
        scored: ids of all other finite rows.
        score: their scores; None if there are none.
        notes: what the classes rest on, and what is likely false.
        reached: how the token of each dead row can be reached, of `reachability.CLASSES`; empty without a tokenizer.
    """

    dead: Indices
    probability: Values
    uncertain: Indices
    ordinary: Indices | None
    zero: Indices
    identical: Sequence[Indices]
    scored: Indices
    score: Dormancy | None
    notes: tuple[str, ...]
    reached: Mapping[int, str] = field(default_factory=dict)

    @property
    def expected_false(self) -> float:
        """Expected number of dead rows that belong to the other class."""
        return float(np.sum(1.0 - self.probability))

    def quantities(self) -> dict[str, Quantity]:
        """The results by dotted key, except the dead rows themselves."""
        found = {
            "dead.probabilities": Quantity(self.probability.tolist(), "1"),
            "dead.expected_false": Quantity(self.expected_false, "rows"),
        }
        listed = {"uncertain": self.uncertain, "zero": self.zero}
        if self.ordinary is not None:
            listed["ordinary"] = self.ordinary
        for name, ids in listed.items():
            found[f"{name}.rows"] = Quantity(len(ids), "rows")
            found[f"{name}.ids"] = Quantity(ids.tolist(), "row")
        found["identical.rows"] = Quantity(sum(map(len, self.identical)), "rows")
        found["identical.members"] = Quantity([group.tolist() for group in self.identical], "row")
        return found


def by_matrix(
    matrix: Matrix,
    rows: Indices,
    tokens: Mapping[int, str],
    reach: Callable[[Indices], Mapping[int, str]] = lambda ids: {},
) -> ByMatrix:
    """Classifies rows.

    Args:
        matrix: the embedding.
        rows: (n,) ids of finite rows.
        tokens: strings by id, as far as known.
        reach: how the tokens of some rows can be reached, as far as known.
    """
    zeros = count_marks(matrix.words, matrix.fraction_bits, matrix.largest_word)[rows, 0] == matrix.dimensions
    zero, others = rows[zeros], rows[~zeros]
    identical = [others[group] for group in groups_of(first_equal(matrix.words, others))] if len(others) else []
    scored = np.setdiff1d(others, np.concatenate(identical)) if identical else others
    score = dormancy(matrix, scored) if len(scored) else None
    probability = score.probability if score else np.empty(0)
    dead = probability > 0.5
    uncertain = scored[(probability > 1 - _CERTAIN) & (probability < _CERTAIN)]
    reached = reach(scored[dead])
    possible = [row for row in scored[dead].tolist() if reached.get(row, SINGLE) == SINGLE]
    ordinary = np.array([row for row in possible if not _reserved(tokens.get(row, ""))], np.int64)
    found = ByMatrix(
        scored[dead],
        probability[dead],
        uncertain,
        ordinary if tokens else None,
        zero,
        identical,
        scored,
        score,
        (),
        reached,
    )
    notes = (*_on_dead(found, tokens), *_on_reach(found), *_on_ordinary(found, tokens), *_set_aside(found))
    return ByMatrix(**{**vars(found), "notes": notes})


def _reserved(token: str) -> bool:
    """Whether a string looks like that of a reserved or special token, or is not known."""
    return not token or _RESERVED.fullmatch(token) is not None


def _on_dead(found: ByMatrix, tokens: Mapping[int, str]) -> list[str]:
    if found.score is None or found.score.why_not is not None:
        why = "no row is left" if found.score is None else found.score.why_not
        return [
            f"cannot tell from the matrix alone: the distances are not two classes ({why}). No row is classified as "
            "dead; token counts would tell (counts, or a tokenizer and a corpus)"
        ]
    notes = [
        f"without counts, {len(found.dead)} rows of the dense class are classified as dead; {found.expected_false:.0f} "
        "of them are expected to belong to the other class. Rare tokens whose rows have hardly moved are in the dense "
        "class too, and any dense cluster, or a population of smaller norms, looks the same: only counts tell them "
        "from dead rows (accuracy: docs/dead-rows.md)"
    ]
    if len(found.uncertain):
        notes.append(
            f"{len(found.uncertain)} rows are near the boundary, with a probability between {1 - _CERTAIN:.1f} and "
            f"{_CERTAIN}: {_some([tokens.get(row, str(row)) for row in found.uncertain.tolist()])}"
        )
    if len(found.dead) > len(found.scored) / 2:
        notes.append("most rows are in the dense class: the others may be outliers rather than the tokens that occur")
    return notes


def _on_reach(found: ByMatrix) -> list[str]:
    never = sum(each == UNREACHABLE for each in found.reached.values())
    if not never:
        return []
    return [f"{never} of the rows classified as dead have a token that no text gives: those never occur"]


def _on_ordinary(found: ByMatrix, tokens: Mapping[int, str]) -> list[str]:
    if found.ordinary is None or not len(found.ordinary):
        return []
    strings = [tokens[int(row)] for row in found.ordinary]
    foreign = sum(not string.strip(_MARKERS).isascii() for string in strings)
    text = " and can be reached by text" if found.reached else ""
    return [
        f"likely false: {len(strings)} of the rows classified as dead have no reserved token{text}, {foreign} of them "
        f"non-ASCII ones: {_some(strings[:: max(1, len(strings) // _NAMED)], len(strings))}"
    ]


def _set_aside(found: ByMatrix) -> list[str]:
    notes = []
    if len(found.zero):
        notes.append(f"rows of zeros, a class of their own ({len(found.zero)}): {_some(_words(found.zero))}")
    if found.identical:
        rows = np.concatenate(found.identical)
        notes.append(
            f"{len(rows)} rows are identical to another one, in {len(found.identical)} groups (padding, rows that were "
            f"initialised alike, or dead rows that have become one), and a class of their own: {_some(_words(rows))}"
        )
    return notes


def _words(ids: Indices) -> list[str]:
    return [str(row) for row in ids.tolist()]


def _some(words: Sequence[str], count: int | None = None) -> str:
    count = len(words) if count is None else count
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    return ", ".join(words[:_NAMED]) + more
