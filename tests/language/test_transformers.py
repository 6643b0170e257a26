"""Models that transformers opens, as it computes them itself, and those that are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import CONTEXT, VOCABULARY, gpt2_weights, logits_by_definition, write_gpt2

from gasfield.errors import InputError, Note
from gasfield.language.base import LanguageModel
from gasfield.language.open import open_model
from gasfield.language.prompts import prompts_of

pytestmark = pytest.mark.validate
transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
IDS = np.array([3, 299, 0, 17, 17, 42, 5])
SIZES = {"vocab_size": 300, "hidden_size": 16, "num_attention_heads": 4, "intermediate_size": 24}
LLAMA = transformers.LlamaConfig(
    **SIZES, num_hidden_layers=2, num_key_value_heads=2, max_position_embeddings=32, initializer_range=0.5
)


def saved(folder: Path, model: Any) -> Path:
    model.save_pretrained(folder)
    return folder


def llama(folder: Path, config: Any = LLAMA) -> Path:
    torch.manual_seed(1)
    return saved(folder, transformers.LlamaForCausalLM(config))


def agree(model: LanguageModel, theirs: Any, length: int = 24) -> None:
    """Whole, growing and cut sequences have the logits of the module of transformers."""
    ids = np.random.default_rng(0).integers(0, model.vocabulary, (2, length))
    with torch.inference_mode():
        exact = theirs.eval()(torch.from_numpy(ids)).logits.float().numpy()
    tolerance = 1e-4 * exact.std()
    np.testing.assert_allclose(model.logits(ids[1]), exact[1], rtol=0, atol=tolerance)
    decoding = model.decode(ids[:, :3])
    for place in range(3, length):
        decoding.extend(ids[:, place])
        np.testing.assert_allclose(decoding.logits, exact[:, place], rtol=0, atol=tolerance)
    for place in (length - 1, 9, 0):
        decoding.cut(place + 1)
        np.testing.assert_allclose(decoding.logits, exact[:, place], rtol=0, atol=tolerance)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_gpt2_in_numpy_has_the_logits_of_transformers(tmp_path: Path, activation: str) -> None:
    write_gpt2(tmp_path, numbers="BF16", activation_function=activation)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).float()
    agree(open_model(tmp_path), theirs, CONTEXT)


@pytest.mark.parametrize("kind", ["llama", "sliding window", "state space"])
def test_other_models_decode_as_a_whole(tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(1)
    if kind == "llama":
        theirs = transformers.LlamaForCausalLM(LLAMA)
    elif kind == "sliding window":
        config = transformers.MistralConfig(
            **SIZES, num_hidden_layers=2, num_key_value_heads=2, sliding_window=5, initializer_range=0.5
        )
        theirs = transformers.MistralForCausalLM(config)
    else:
        config = transformers.MambaConfig(vocab_size=300, hidden_size=16, num_hidden_layers=2, state_size=4)
        theirs = transformers.MambaForCausalLM(config)
    saved(tmp_path, theirs)
    capfd.readouterr()
    model = open_model(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert model.vocabulary == VOCABULARY
    agree(model, theirs)


def encoder(folder: Path) -> None:
    config = transformers.BertConfig(**SIZES, num_hidden_layers=2, initializer_range=0.5)
    saved(folder, transformers.BertForMaskedLM(config))


def encoder_and_decoder(folder: Path) -> None:
    saved(folder, transformers.T5ForConditionalGeneration(transformers.T5Config(vocab_size=300, d_model=16, d_ff=8)))


def incomplete(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(llama(folder) / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def changed(**entries: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((llama(folder) / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | entries))

    return change


def pickled(folder: Path) -> None:
    llama(folder)
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def code_only(folder: Path) -> None:
    changed(model_type="mine", auto_map={"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"})(folder)
    (folder / "code.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (encoder, r"BertLMHeadModel is no causal model: .* depend on the next token \(they change by"),
        (encoder_and_decoder, "transformers cannot open it: Unrecognized configuration class"),
        (incomplete, "1 tensors of LlamaForCausalLM are missing, first model.layers.1.mlp.up_proj.weight"),
        (changed(hidden_size=32), "transformers cannot open it"),
        (changed(model_type="unheard-of"), "transformers cannot open it"),
        (changed(num_hidden_layers=3), "9 tensors of LlamaForCausalLM are missing"),
        (pickled, "pytorch_model.bin: this is a pickle"),
        (code_only, r"has code of its own \(auto_map\), which is never run"),
    ],
)
def test_what_is_no_causal_language_model_is_refused(
    tmp_path: Path, make: Callable[[Path], None], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    capfd.readouterr()
    with pytest.raises(InputError, match=message):
        open_model(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "ran").exists()


def test_code_in_a_folder_is_not_run(tmp_path: Path) -> None:
    changed(auto_map={"AutoModelForCausalLM": "code.M"})(tmp_path)
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    with pytest.warns(Note, match="LlamaForCausalLM of transformers takes its place"):
        open_model(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_model_without_a_tokenizer_takes_ids(tmp_path: Path) -> None:
    model = open_model(llama(tmp_path))
    assert model.tokenizer is None
    assert prompts_of(model, ids=["1,2"])[0].pieces == ("<1>", "<2>")
    with pytest.raises(InputError, match="no tokenizer"):
        prompts_of(model, prompt=["a"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GGUF", "transformers cannot open"),
        (b"", "transformers cannot open"),
        (b"GGUF" + b"\x01" * 400, "cannot open"),
    ],
)
def test_a_damaged_gguf_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.gguf").write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_model(tmp_path / "a.gguf")


def test_a_gguf_file_of_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "unheard-of")
    writer.add_name("x")
    writer.add_tensor("x", np.zeros((2, 2), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(InputError, match=r"transformers cannot open .*unheard-of"):
        open_model(tmp_path / "a.gguf")


def test_the_pure_definition_agrees_with_transformers(tmp_path: Path) -> None:
    """The reference of the default tests, which compares NumPy's GPT-2 with it."""
    theirs = transformers.AutoModelForCausalLM.from_pretrained(write_gpt2(tmp_path)).eval()
    with torch.inference_mode():
        found = theirs(torch.from_numpy(IDS)[None]).logits[0].numpy()
    exact = logits_by_definition(gpt2_weights(), IDS)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-5 * exact.std())


def test_a_real_model_opens_from_gguf_without_a_word(tmp_path: Path, smollm2: Path) -> None:
    code = """
import sys
import numpy as np
from gasfield.language.open import open_model
from gasfield.language.prompts import prompts_of

model = open_model(sys.argv[1])
raw, = prompts_of(model, prompt=["The capital of France is"])
chat, = prompts_of(model, prompt=["Hello"], chat=True)
assert (model.vocabulary, model.context, model.end) == (49152, 8192, (2,))
assert raw.pieces == ("The", " capital", " of", " France", " is")  # no special token
assert chat.pieces[0] == "<|im_start|>" and chat.pieces.count("<|im_start|>") == 3
assert model.token(int(model.logits(raw.ids)[-1].argmax())) == " Paris"
decoding = model.decode(np.stack([raw.ids[:2]] * 3))
for token in raw.ids[2:]:
    decoding.extend(np.array([token] * 3))
whole = model.logits(raw.ids)
assert np.abs(decoding.logits - whole[-1]).max() < 1e-3
decoding.cut(3)
assert np.abs(decoding.logits - whole[2]).max() < 1e-3
"""
    environment = os.environ | {"HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(smollm2)], capture_output=True, text=True, env=environment, timeout=300
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_loggers_of_transformers_are_left_as_they_were(tmp_path: Path) -> None:
    logs = transformers.utils.logging
    before = (logs.get_verbosity(), logs.is_progress_bar_enabled())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_model(llama(tmp_path))
    assert (logs.get_verbosity(), logs.is_progress_bar_enabled()) == before
