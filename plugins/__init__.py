"""Plugins: what they may bring (`hookspecs`) and what finds them (`manager`).

This file imports nothing: pytest, collecting the tests of a distribution below this folder, imports it as `plugins`.
"""
