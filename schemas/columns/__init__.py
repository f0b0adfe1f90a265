"""All declared columns, a module per table. Import names from here."""

from schemas.columns import faces, images, labels, sources

__all__ = ["faces", "images", "labels", "sources"]
