"""The loops that numba compiles. Only these modules import it."""
