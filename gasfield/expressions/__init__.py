"""Laws written as expressions: parsed against an allow-list, differentiated symbolically, compiled once, then cached.


text -> `parse` -> tree -> `derive` (SymPy) -> `emit` -> Python source -> `store` (cached) -> pointwise kernel.
No part of the text is ever evaluated. A cached law needs neither SymPy nor the compiler.
"""
