"""Hugging Face's layout and GGUF files, opened by transformers: from this disk only, and no code but its own."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from gasfield.errors import InputError
from gasfield.language.base import Decoding, Ids, LanguageModel, Logits, Tokenizer

_LOCAL = {"local_files_only": True, "trust_remote_code": False}


def open_huggingface(path: Path) -> HuggingFaceModel:
    """Opens a folder in Hugging Face's layout or a GGUF file; GGUF is dequantised to float32.

    Raises:
        InputError: if it is not a causal language model that transformers can read.
    """
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder, options = (path, {}) if path.is_dir() else (path.parent, {"gguf_file": path.name})
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **options, **_LOCAL)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **options, **_LOCAL)
    except (OSError, ValueError, KeyError, ImportError) as fault:
        raise InputError(f"{path}: transformers cannot open it: {' '.join(str(fault).split())[:300]}") from None
    model.eval()  # type: ignore[no-untyped-call]
    return HuggingFaceModel(path.name, model, HuggingFaceTokenizer(path.name, tokenizer))


class HuggingFaceTokenizer(Tokenizer):
    """A tokenizer of transformers."""

    def __init__(self, name: str, tokenizer: Any) -> None:
        self._name = name
        self._tokenizer = tokenizer

    def encode(self, text: str) -> Ids:
        return np.array(self._tokenizer(text)["input_ids"], np.int64)

    def decode(self, ids: Sequence[int] | Ids) -> str:
        return str(self._tokenizer.decode([int(index) for index in ids], clean_up_tokenization_spaces=False))

    def chat(self, message: str) -> str:
        if self._tokenizer.chat_template is None:
            raise InputError(f"{self._name}: the model has no chat template; give the prompt as raw text.")
        turns = [{"role": "user", "content": message}]
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


class HuggingFaceModel(LanguageModel):
    """A causal language model of transformers.

    Attributes:
        module: the PyTorch module.
    """

    def __init__(self, name: str, module: Any, tokenizer: Tokenizer) -> None:
        self.name = name
        self.module = module
        self.tokenizer = tokenizer
        self.vocabulary = int(module.config.vocab_size)
        self.context = getattr(module.config, "max_position_embeddings", None)
        takes = inspect.signature(module.forward).parameters
        self.cache_name = "cache" if "cache" in takes else "past_key_values"  # renamed between versions of transformers
        end = module.generation_config.eos_token_id
        self.end = () if end is None else tuple(end) if isinstance(end, list) else (int(end),)

    @torch.inference_mode()
    def logits(self, ids: Ids) -> Logits:
        tokens = torch.from_numpy(self.require_ids(ids))[None]
        found: Logits = self.module(tokens, use_cache=False).logits[0].float().numpy()
        return found

    def decode(self, prompts: Ids) -> Decoding:
        return _CachedDecoding(self, self.require_ids(prompts))


class _CachedDecoding(Decoding):
    """Keeps keys and values."""

    def __init__(self, model: HuggingFaceModel, prompts: Ids) -> None:
        self._model = model
        self._ids = prompts
        self._cache: Any = None
        self._run(prompts)

    @torch.inference_mode()
    def _run(self, new: Ids) -> None:
        """Computes the new tokens (B, n) behind those in the cache."""
        out = self._model.module(
            torch.from_numpy(np.ascontiguousarray(new)),
            use_cache=True,
            logits_to_keep=1,
            **{self._model.cache_name: self._cache},
        )
        self._cache = out.get(self._model.cache_name, out.past_key_values)
        self.logits = out.logits[:, -1].float().numpy()
        self.length = self._ids.shape[1]

    def extend(self, tokens: Ids) -> None:
        self._ids = self._model.require_ids(np.concatenate([self._ids, np.asarray(tokens, np.int64)[:, None]], axis=1))
        self._run(self._ids[:, -1:])

    def cut(self, length: int) -> None:
        self._ids = self._ids[:, :length]
        self._cache.crop(length - 1 - self.length)  # all versions take a negative number as one to remove
        self._run(self._ids[:, -1:])
