"""The conformance suite: what every device of candelabra must do, generated from the table of primitives.

``candelabra conformance DEVICE`` runs it, or
``pytest -p candelabra.conformance.plugin --pyargs candelabra.conformance --device DEVICE``. Each row
carries samples (a domain, or a generator of `samples`), a reference (plain NumPy in float64, `math`, or a loop of
`references`) and bad inputs; the `checks` ask of each row and device the same questions.
"""
