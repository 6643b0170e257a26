"""The vocabulary of a matrix: given by the user, or found beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from gasfield.errors import InputError
from gasfield.importing.vocabulary import find_tokenizer, read_vocabulary


@dataclass(frozen=True)
class Vocabulary:
    """Strings of tokens.

    Attributes:
        file: where they come from; None if they are unknown.
        tokens: strings by id; empty if they are unknown.
        notes: on the file.
    """

    file: Path | None = None
    tokens: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def given(cls, file: Path) -> Self:
        """That of a file named by the user.

        Raises:
            InputError: if it is none.
        """
        return cls(file, read_vocabulary(file), (f"tokens by {file}",))

    @classmethod
    def beside(cls, places: Iterable[Path], rows: int | None) -> Self:
        """That of a file in one of some folders. One that is none, or has more tokens than the matrix has rows, is
        ignored, with a note.

        Args:
            places: folders.
            rows: number of rows; None if they are a part of a vocabulary.
        """
        file = find_tokenizer(*places)
        if file is None:
            return cls()
        try:
            found = cls.given(file)
        except InputError as fault:
            return cls(notes=(f"ignored: {fault}",))
        if rows is not None and found.tokens and max(found.tokens) >= rows:
            size = f"the tokenizer has {max(found.tokens) + 1} tokens, the matrix only {rows} rows"
            return cls(notes=(f"{file}: ignored, since {size}; give that of the matrix",))
        return found
