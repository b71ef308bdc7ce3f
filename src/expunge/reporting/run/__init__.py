"""One record as a page: scores, curves, pictures, provenance."""
