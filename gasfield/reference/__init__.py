"""The reference of scenarios: pages of every key of every kind, made from the specifications themselves."""

from gasfield.reference.examples import BASE, examples
from gasfield.reference.pages import pages, write_pages

__all__ = ["BASE", "examples", "pages", "write_pages"]
