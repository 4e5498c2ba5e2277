"""Benchmarks of candelabra against its peers: ``python -m benchmarks`` from the checkout.

Each workload is one file of `benchmarks/workloads/` that holds the same work three times: in candelabra, in PyTorch and
by hand in NumPy. Each library runs in a process of its own, in turn, the idle ones frozen; what is reported are ratios.
"""
