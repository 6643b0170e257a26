"""Diagnostics of the field that moves the rows: maps, tables, retrieval."""
