"""gasfield: a physics sandbox in which the tokens of a language model are the particles of a gas."""

__version__ = "0.1.0"
