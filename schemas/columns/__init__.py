"""All declared columns, a module per table. Import names from here."""

from schemas.columns import faces, hashes, images, labels, sources

__all__ = ["faces", "hashes", "images", "labels", "sources"]
