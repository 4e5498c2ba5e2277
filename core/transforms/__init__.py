"""Transformations: each is a backend that wraps a backend, reads the table, and nests in any order by levels."""
