"""The version of the package: part of the keys of results, so imported from below."""

__version__ = "0.1.0"
