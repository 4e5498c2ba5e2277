"""The conformance suite lies here but is collected as the installed package `candelabra.conformance`, never by path."""

collect_ignore = ["conformance"]
