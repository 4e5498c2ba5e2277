"""Plugins: what they may bring (`hookspecs`) and what finds them (`manager`)."""

from .hookspecs import CommunicatorSpec, ExporterSpec, KernelSpec, RowsSpec, SerializerSpec

__all__ = ["CommunicatorSpec", "ExporterSpec", "KernelSpec", "RowsSpec", "SerializerSpec"]
