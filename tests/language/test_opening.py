"""What is opened as a model, and what is refused before anything of it is read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_models import write_gpt2

from gasfield.errors import InputError
from gasfield.language.base import LanguageModel
from gasfield.language.logits import LogitsFile
from gasfield.language.open import open_model, open_source


def test_a_source_is_a_model_or_a_file_of_logits(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(5))
    assert isinstance(open_source(tmp_path / "a.npy"), LogitsFile)
    assert isinstance(open_source(str(write_gpt2(tmp_path / "model"))), LanguageModel)
    with pytest.raises(InputError, match=r"lost: there is no such folder or file; models are not downloaded"):
        open_source(tmp_path / "lost")
    with pytest.raises(InputError, match=r"not a GGUF file; of a model in Hugging Face's layout, give the folder"):
        open_model(tmp_path / "model/model.safetensors")
    with pytest.raises(InputError, match="all positions must have the same number of tokens"):
        open_source(tmp_path / "model/model.safetensors")


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_other_models_name_the_package_that_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    write_gpt2(tmp_path, model_type="llama")
    with pytest.raises(InputError, match=rf"opening it needs {package}.*pip install 'gasfield\[lm\]'"):
        open_model(tmp_path)
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    with pytest.raises(InputError, match=rf"opening it needs .*{package}.*pip install 'gasfield\[lm\]'"):
        open_source(tmp_path / "a.gguf")


def test_pickled_weights_are_refused_without_any_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    for name in ("pytorch_model.bin", "model.pt"):
        (tmp_path / name).write_bytes(b"\x80\x04.")
        with pytest.raises(InputError, match="this is a pickle; opening it would run any code that it contains"):
            open_model(tmp_path)
        with pytest.raises(InputError, match="this is a pickle"):
            open_source(tmp_path / name)
        (tmp_path / name).unlink()
