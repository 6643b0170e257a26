"""Hostile, damaged and odd files of every format but HDF5, each made field by field, without the library that reads it.

One module a format: a function `cases` yields sound files, with what they hold, and others, which must be refused.
"""

from crafted_files.case import DATA, VALUES, Case

__all__ = ["DATA", "VALUES", "Case"]
