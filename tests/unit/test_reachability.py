"""Which tokens a tokenizer can give: WordPiece, byte-level BPE, and a fallback to bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gasfield.inspection import find_dead
from gasfield.inspection.reachability import reachability

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra `gasfield[record]`")


def classes(code: Any) -> dict[str, str]:
    """Class by the spelling of a token."""
    strings = {index: token for token, index in code.get_vocab(with_added_tokens=True).items()}
    return {strings[index]: name for index, name in reachability(code, strings).items()}


def wordpiece() -> Any:
    words = ["[UNK]", "[unused0]", "the", "do", "a", "##ing", "##do", "\u4eac", "##\u4eac", "Caf\u00e9"]
    code = tokenizers.Tokenizer(tokenizers.models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    code.normalizer = tokenizers.normalizers.BertNormalizer()
    code.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    code.decoder = tokenizers.decoders.WordPiece()
    code.add_special_tokens(["[UNK]", "[CLS]"])
    return code


def test_wordpiece() -> None:
    """[unused0] is split at its brackets, Han characters stand alone, capitals and accents are normalised away."""
    found = classes(wordpiece())
    assert found == {
        **dict.fromkeys(["the", "do", "a", "##ing", "##do", "\u4eac"], "single"),
        **dict.fromkeys(["[unused0]", "##\u4eac", "Caf\u00e9"], "unreachable"),
        **dict.fromkeys(["[UNK]", "[CLS]"], "special"),
    }


def test_bytes_and_merges_that_are_missing() -> None:
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, "th", "the", "xq", "\u00e4\u00ba"]
    merges = [
        ("t", "h"),
        ("th", "e"),
        ("\u00e4", "\u00ba"),
    ]  # nothing merges x and q; the first two bytes of a character
    code = tokenizers.Tokenizer(tokenizers.models.BPE({w: i for i, w in enumerate(words)}, merges))
    code.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    code.decoder = tokenizers.decoders.ByteLevel()
    found = classes(code)
    assert found["the"] == found["th"] == found["a"] == "single"
    assert found["xq"] == "unreachable"
    assert found["\u00e4\u00ba"] == found["\u00e4"] == "byte"


def test_a_fallback_to_bytes() -> None:
    words = ["<unk>", "<0xE4>", "<0x41>", "b", "c", "bc", "cb"]
    code = tokenizers.Tokenizer(
        tokenizers.models.BPE({w: i for i, w in enumerate(words)}, [("b", "c")], unk_token="<unk>", byte_fallback=True)
    )
    code.decoder = tokenizers.decoders.Sequence([tokenizers.decoders.ByteFallback(), tokenizers.decoders.Fuse()])
    found = classes(code)
    assert found["<0xE4>"] == "byte"
    assert found["<0x41>"] == found["bc"] == "single"  # A has no token of its own
    assert found["cb"] == "unreachable"


def test_padding_and_truncation_of_the_file_do_not_matter() -> None:
    code = wordpiece()
    code.enable_padding(length=128, pad_id=0)
    code.enable_truncation(1)
    assert classes(code) == classes(wordpiece())


def test_dead_rows_come_with_their_evidence(tmp_path: Path) -> None:
    """A row a line: token, class, count, distance."""
    wordpiece().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "text.txt").write_text("the doing do do a")
    np.save(tmp_path / "m.npy", np.random.default_rng(0).standard_normal((12, 3)))
    options = {"tokenizer": tmp_path / "tokenizer.json", "corpus": [tmp_path / "text.txt"], "at_most": 1}
    found = find_dead(tmp_path / "m.npy", **options)  # type: ignore[arg-type]
    data = json.loads(json.dumps(found.as_json()))
    rows = {each["token"]: each for each in data["evidence"]}
    assert rows["[unused0]"]["reachability"] == "unreachable"
    assert rows["[CLS]"]["reachability"] == "special"
    assert rows["\u4eac"]["reachability"] == "single"
    assert rows["##ing"]["count"] == 1
    assert max(each["distance"] for each in rows.values()) > min(each["distance"] for each in rows.values()) >= 0
    assert data["dead"]["unreachable"]["rows"]["value"] == 3
    assert data["dead"]["single"]["rows"]["value"] == sum(
        each["count"] == 0 and each["reachability"] == "single" for each in rows.values()
    )
    found.write(tmp_path / "dead.txt")
    assert "1 # unreachable [unused0]" in (tmp_path / "dead.txt").read_text().splitlines()


def test_a_token_that_no_text_gives_is_not_likely_false(tmp_path: Path) -> None:
    """Rows of the dense class whose token is ordinary by its string, but cannot be reached."""
    words = {f"w{row}": row for row in range(1500)} | {"[unused9]": 1500}
    code = tokenizers.Tokenizer(tokenizers.models.WordLevel({**words, "two words": 1501}, unk_token="w0"))
    code.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    code.save(str(tmp_path / "tokenizer.json"))
    chance = np.random.default_rng(0)
    rows = chance.normal(0, 1, (1502, 24))
    rows[:400] = rows[1500:] = 0.0
    rows[:400] += chance.normal(3, 0.05, (400, 24))
    rows[1500:] += chance.normal(3, 0.05, (2, 24))
    np.save(tmp_path / "m.npy", rows)
    found = find_dead(tmp_path / "m.npy", tokenizer=tmp_path / "tokenizer.json")
    assert found.alone is not None
    assert found.alone.ordinary is not None
    assert {1500, 1501} <= set(found.dead.tolist())
    assert found.reached[1501] == "unreachable"
    assert 1501 not in found.alone.ordinary
    assert 7 in found.alone.ordinary
    assert any("have a token that no text gives" in note for note in found.notes)
