"""Laws written as expressions: parsed by a whitelist, differentiated by rule, compiled once, kept on disk.

text -> `parse` -> tree -> `derive` (SymPy) -> `emit` -> Python source -> `store` (a folder in Numba's cache) -> leaf.
No part of the text is ever handed to anything that evaluates it. A law that is in the store needs neither SymPy nor the
compiler.
"""
