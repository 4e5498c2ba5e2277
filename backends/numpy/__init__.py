"""NumPy on the CPU: the backend of the device type ``cpu``.

`library` holds the namespace and the small kernels; the files beside it hold one family of kernels each. NumPy is first
imported by `plugin.load`, inside the memory and BLAS policies of `memory`.
"""
