"""Which tokens a tokenizer can give at all: a token that no text gives never occurs, whatever was trained on.

single        some text gives it: its own one, by itself or after another character (a round trip)
special       marked as special: it is put in by programs, between texts
byte          a byte, or bytes that are no whole character: it occurs within characters that have no token of their own
unreachable   none of the texts that spell it gives it: they are split, normalised or merged otherwise

The method is that of Land and Bartolo (2024, "Fishing for Magikarp", arXiv:2405.05417): decode the token, encode the
text, and look whether the token comes back. Pieces of words, such as ##ing of WordPiece, occur after others only, so
they are decoded and encoded after single characters of several kinds too. A token that another context alone gives is
called unreachable wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

SINGLE, SPECIAL, BYTE, UNREACHABLE = "single", "special", "byte", "unreachable"
CLASSES = (SINGLE, SPECIAL, BYTE, UNREACHABLE)
"""All classes."""
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
"""How tokenizers with a fallback to bytes spell them."""
_BEFORE = ("a", "z", "q", "1", "\u02b7", "\u044f", "\u05d0", "\u0e01", "\u6f22", "\u00ab", "\n", ".")
"""Characters after which a piece of a word is tried: Latin, modifier, Cyrillic, Hebrew, Thai, Han, punctuation."""
_BATCH = 20_000


def reachability(code: Any, tokens: Mapping[int, str]) -> dict[int, str]:
    """The class of each token.

    Args:
        code: a tokenizer of the package tokenizers.
        tokens: strings by id, as the vocabulary spells them.
    """
    code.no_padding()  # files may ask for both, for training
    code.no_truncation()
    added = {index: token.special for index, token in code.get_added_tokens_decoder().items()}
    found = {index: SPECIAL for index in tokens if added.get(index)}
    left = [index for index in tokens if index not in found]
    left = _without_reached(code, left, code.decode_batch([[index] for index in left], False), found)
    left = _without_reached(code, left, [tokens[index] for index in left], found)
    for index in left:
        if _BYTE.fullmatch(tokens[index]) or _is_part(code.decode([index], False), tokens[index]):
            found[index] = BYTE
    left = [index for index in left if index not in found]
    for character in _BEFORE:
        before = code.encode(character, add_special_tokens=False).ids
        if before and left:
            texts = code.decode_batch([[*before, index] for index in left], False)
            left = _without_reached(code, left, texts, found)
            left = _without_reached(code, left, [character + _own(tokens[index]) for index in left], found)
    return {index: found.get(index, UNREACHABLE) for index in tokens}


def _without_reached(code: Any, ids: list[int], texts: Sequence[str], found: dict[int, str]) -> list[int]:
    """The ids that their texts do not give; the others are found to be single."""
    left = []
    for start in range(0, len(ids), _BATCH):
        part = slice(start, start + _BATCH)
        encodings = code.encode_batch(list(texts[part]), add_special_tokens=False)
        for index, encoding in zip(ids[part], encodings, strict=True):
            if index in encoding.ids:
                found[index] = SINGLE
            else:
                left.append(index)
    return left


def _is_part(decoded: str, spelled: str) -> bool:
    """Whether the bytes of a token are no whole characters: they are decoded as the replacement character."""
    return "\ufffd" in decoded and "\ufffd" not in spelled


def _own(spelled: str) -> str:
    """The text of a piece of a word, without the mark that it is one."""
    return spelled.removeprefix("##")
