"""Prompts of three kinds for `prompts_as_heat.py`, four to nine words each; random words are the control."""

from __future__ import annotations

import numpy as np

FACTUAL = (
    "The capital of France is",
    "Water boils at one hundred degrees",
    "The first president of the United States was George",
    "Romeo and Juliet was written by William",
    "The chemical symbol for gold is",
    "The opposite of hot is",
    "There are seven days in a",
    "The Earth revolves around the",
    "The largest ocean on Earth is the Pacific",
    "Two plus two is equal to",
    "The largest planet in the solar system is",
    "The Great Wall is located in",
    "The theory of relativity was developed by Albert",
    "The Statue of Liberty is in New",
    "The human heart pumps",
    "A triangle has three",
    "Plants make food from sunlight by a process called",
    "The currency of Japan is the",
    "The Eiffel Tower is located in",
    "The square root of sixteen is",
    "Ice is the solid form of",
    "The author of the Harry Potter series is J",
    "The freezing point of water is zero degrees",
    "The moon orbits around the",
)
VAGUE = (
    "She looked at the",
    "I would like to talk about the",
    "There was something about the",
    "He thought for a while about his",
    "Someone once told me that",
    "It was a very",
    "They went out and found some",
    "Perhaps we should try another",
    "In the room there was a",
    "My favourite thing is the",
    "Everyone knew about the old",
    "We talked about many things, such as",
    "On the table I saw a",
    "This is a story about a",
    "Sometimes people think of",
    "Yesterday I met a",
    "What I like most is",
    "Somewhere there is another",
    "Tell me something about",
    "He opened the box and took out a",
    "Nobody could explain the strange",
    "All of a sudden a",
    "They were looking for a new",
    "I had a dream about a",
)
COUNT = len(FACTUAL)
WORDS = 6


def random_words(texts: list[str]) -> list[str]:
    """As many prompts of six whole words each, drawn from the tokens (V,) that are words of four letters or more."""
    return ["".join(words).strip() for words in _draws(texts)]


def improbable_facts(texts: list[str]) -> list[str]:
    """The same words, and after them the factual prompts: improbable on average, with a precise end."""
    return [f"{words}. {fact}" for words, fact in zip(random_words(texts), FACTUAL, strict=True)]


def _draws(texts: list[str]) -> list[list[str]]:
    words = [
        text for text in texts if text[:1] == " " and text[1:].isascii() and text[1:].isalpha() and text[1:].islower()
    ]
    long = [word for word in words if len(word) > 4]
    draws = np.random.default_rng(1).choice(len(long), size=(COUNT, WORDS))
    return [[long[k] for k in row] for row in draws]
