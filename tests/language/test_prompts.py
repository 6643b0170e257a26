"""Prompts from text, files and ids; tokenizers that do not fit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import VOCABULARY, gpt2_weights, write_gpt2

from gasfield.errors import InputError
from gasfield.language.open import open_model
from gasfield.language.prompts import prompts_of

SPECIAL = "<start>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with a byte-level tokenizer of fewer tokens, which puts a special token before every text."""
    tokenizers = pytest.importorskip("tokenizers", reason="texts need the package tokenizers")
    write_gpt2(tmp_path)
    tokens = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokens.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=280, initial_alphabet=alphabet, special_tokens=[SPECIAL], show_progress=False
    )
    tokens.train_from_iterator(["the token follows the other token " * 9], trainer)
    tokens.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{SPECIAL} $A", special_tokens=[(SPECIAL, 0)]
    )
    tokens.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def tokenizers_of(folder: Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_text_is_read_as_it_stands_and_given_back(folder: Path, tmp_path: Path) -> None:
    model = open_model(folder)
    first, second = prompts_of(model, prompt=["the token\n", "é"])
    assert first.ids[0] == 0  # the tokenizer's own special token
    assert first.pieces[0] == SPECIAL
    assert first.pieces[-1] == "Ċ"
    assert model.tokenizer.decode(first.ids[1:]) == "the token\n" == first.text
    assert model.tokenizer.decode(second.ids) == f"{SPECIAL}é"
    assert second.pieces[1:] == ("Ã", "©")  # halves of a character, as they are spelled
    np.testing.assert_array_equal(model.tokenizer.encode("the token\n", special=False), first.ids[1:])
    tokens = tokenizers_of(folder)
    tokens.enable_truncation(2)
    tokens.enable_padding(length=50)
    tokens.save(str(folder / "tokenizer.json"))
    np.testing.assert_array_equal(prompts_of(open_model(folder), prompt=["the token\n"])[0].ids, first.ids)
    size = model.tokenizer.size
    assert size < VOCABULARY
    assert model.token(size) == f"<unused {size}>"


def test_files_and_ids_give_prompts_too(folder: Path, tmp_path: Path) -> None:
    model = open_model(folder)
    (tmp_path / "p.txt").write_text("the token\n\n follows\n", encoding="utf-8")
    (tmp_path / "p.yaml").write_text('- the token\n- " follows"\n')
    (tmp_path / "p.json").write_text('["the token", " follows"]')
    for name in ("p.txt", "p.yaml", "p.json"):
        found = prompts_of(model, prompt=["other"], prompts=tmp_path / name, ids=["5, 6", (7,)])
        assert [each.text for each in found[:3]] == ["other", "the token", " follows"]
        assert [each.ids.tolist() for each in found[3:]] == [[5, 6], [7]]
        assert found[3].text == model.tokenizer.decode([5, 6])
    assert len(prompts_of(model, prompt=["token " * 20])[0].label) == 60


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.txt", "\n", "holds no prompts; give one a line"),
        ("p.yaml", "words", "holds no prompts; give a list of texts"),
        ("p.yaml", "- {a: b}", "item 0 is no text; quote it"),
        ("p.json", "[1]", "item 0 is no text; quote it"),
        ("p.json", "[" * 100_000, "p.json: not JSON: it is nested too deeply"),
        ("p.yaml", "- [", "p.yaml:1: .*not YAML"),
        ("p.txt", b"\xff", "p.txt: line 1: not UTF-8 text"),
        ("p.txt", None, "p.txt: cannot be read: No such file"),
    ],
)
def test_files_that_hold_no_prompts_are_refused(
    tmp_path: Path, name: str, content: str | bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        prompts_of(open_model(write_gpt2(tmp_path / "model")), prompts=tmp_path / name)


def test_ids_need_no_tokenizer_and_texts_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tokenizers", "transformers", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    write_gpt2(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    model = open_model(tmp_path)
    assert prompts_of(model, ids=["1,2"])[0].pieces == ("<1>", "<2>")
    with pytest.raises(InputError, match="there is no tokenizer that can be read here"):
        prompts_of(model, prompt=["text"])
    with pytest.raises(InputError, match="needs a prompt"):
        prompts_of(model)
    wrongs: tuple[Any, ...] = ("1,x", "", (1.5, "a"), ("1" * 30,))
    for wrong in wrongs:
        with pytest.raises(InputError, match="token ids are integers"):
            prompts_of(model, ids=[wrong])
    with pytest.raises(InputError, match="the prompt is empty"):
        prompts_of(model, ids=[()])
    with pytest.raises(InputError, match="token 300 is outside"):
        prompts_of(model, ids=["0,300"])


def test_a_tokenizer_that_does_not_fit_is_refused(folder: Path) -> None:
    weights = gpt2_weights(vocabulary=270)
    size = open_model(folder).tokenizer.size
    write_gpt2(folder, weights)
    message = f"the tokenizer does not fit the model: it has ids up to {size - 1}, the model has 270 tokens"
    with pytest.raises(InputError, match=message):
        open_model(folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="not a tokenizer that the package tokenizers can read"):
        open_model(folder)


def test_chat_templates_need_transformers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match="chat templates need transformers: pip install"):
        prompts_of(open_model(folder), prompt=["hello"], chat=True)


@pytest.mark.validate
def test_a_chat_template_is_applied_once_with_its_own_special_tokens(folder: Path) -> None:
    pytest.importorskip("transformers")
    config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    model = open_model(folder)
    with pytest.raises(InputError, match="the model has no chat template; give the prompt as raw text"):
        prompts_of(model, prompt=["token"], chat=True)
    template = SPECIAL + "{% for turn in messages %}{{ turn.role }}: {{ turn.content }}\n{% endfor %}answer:"
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": template}))
    (prompt,) = prompts_of(model, prompt=["token"], chat=True)
    assert prompt.text == f"{SPECIAL}user: token\nanswer:"
    assert prompt.ids.tolist().count(0) == 1
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": "{{ ''.__class__.__mro__ }}"}))
    with pytest.raises(InputError, match="cannot open its chat template: access to attribute '__class__'"):
        prompts_of(model, prompt=["token"], chat=True)


def test_prompts_may_have_names_and_be_cut(folder: Path, tmp_path: Path) -> None:
    model, file = open_model(folder), tmp_path / "texts.yaml"
    file.write_text("plain prose: the token\nno: other\n2: |\n  two\n  lines\n")
    found = prompts_of(model, prompt=["other"], prompts=file, first=2)
    assert [each.name for each in found] == ["", "plain prose", "no", "2"]
    assert all(len(each.ids) == 2 for each in found)
    assert found[1].text == model.tokenizer.decode(found[1].ids)
    (tmp_path / "texts.json").write_text(json.dumps({"a": "the token", "b": "other"}))
    assert [each.name for each in prompts_of(model, prompts=tmp_path / "texts.json")] == ["a", "b"]
    for wrong in ("a: the\na: token\n", "a: [the]\n", "? [a]\n: the\n"):
        file.write_text(wrong)
        with pytest.raises(InputError, match=r"texts\.yaml"):
            prompts_of(model, prompts=file)
