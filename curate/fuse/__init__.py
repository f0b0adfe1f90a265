"""Several layers of one column, weighed by how reliable each is, become one layer that keeps who said what."""

from curate.fuse.run import FuseOptions, Fusion, fuse

__all__ = ["FuseOptions", "Fusion", "fuse"]
