"""The tokens of a text, where a transformer's residual stream begins."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.language.tokenizing import tokenizer_of
from gasfield.registry import register
from gasfield.scenario.sources.base import GasSource, SourceContext
from gasfield.transformer import embed, share_transformer


@register
class FromPrompt(GasSource):
    """The embeddings of the tokens of a text, in its order, with the positions that the model adds to them."""

    kind: Literal["prompt"] = "prompt"
    model: str
    """Folder in Hugging Face's layout, or a GGUF file: Llama, Mistral, Qwen2, GPT-2 or GPT-NeoX."""
    text: str | None = None
    """The text as it stands, with the special tokens that the tokenizer adds to every text. It needs the extra `lm`."""
    tokens: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] | None = None
    """Token ids, in place of a text."""

    def gas(self, context: SourceContext) -> Gas:
        """A particle for each token, with its string where the tokenizer can be read.

        Raises:
            InputError: if not one of text and tokens is given, the model or its tokenizer cannot be read, a token is
                outside the vocabulary, the text does not fit the context, or D is not that of the space.
        """
        path = context.find(self.model)
        tokenizer = tokenizer_of(path)
        if (self.text is None) == (self.tokens is None):
            raise InputError("give text or tokens, one of them.", parameter="text")
        if self.text is None:
            ids: NDArray[np.int64] = np.array(self.tokens, np.int64)
        elif tokenizer is None:
            message = (
                "no tokenizer of this model can be read here (pip install 'gasfield[lm]'); give tokens, their ids."
            )
            raise InputError(message, parameter="text")
        else:
            ids = tokenizer.encode(self.text)
        model = share_transformer(path)
        context.require_dimensions(model.dimensions, path)
        places = embed(model, ids).astype(np.float64)
        tokens = [] if tokenizer is None else [tokenizer.token(index) for index in ids.tolist()]
        return Gas(places, names=[context.name], token_ids=ids, tokens=tokens)
