"""The data card of a dataset and its Croissant metadata, filled from what is measured."""

from curate.card.about import About, read_about
from curate.card.validate import validate
from curate.card.write import Inputs, croissant, datasheet, write_card

__all__ = ["About", "Inputs", "croissant", "datasheet", "read_about", "validate", "write_card"]
