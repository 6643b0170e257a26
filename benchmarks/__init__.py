"""Benchmarks beside other programs: `make bench`, `make bench-check`, `make bench-scaling`. `table` lists them."""
