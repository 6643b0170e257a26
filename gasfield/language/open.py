"""Opens a model by its path."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from gasfield.errors import InputError
from gasfield.language.base import LanguageModel

_PACKAGES = ("torch", "transformers", "gguf", "accelerate", "tokenizers")


def open_model(path: str | Path) -> LanguageModel:
    """A language model from a folder in Hugging Face's layout or a GGUF file, never downloaded.

    Raises:
        InputError: if there is no such model, or a package that it needs is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such folder or file; models are not downloaded.")
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise InputError(f"{path}: opening a model needs {', '.join(missing)}: pip install 'gasfield[lm]'.")
    from gasfield.language.huggingface import open_huggingface

    return open_huggingface(path)
