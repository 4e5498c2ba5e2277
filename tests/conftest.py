"""The conformance suite lies here but is collected as the installed package `candelabra.conformance`, never by path."""

from __future__ import annotations

collect_ignore = ["conformance"]
