"""How a generated picture names its kind of source, in the words of the IPTC."""

from __future__ import annotations

from enum import StrEnum

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""IPTC NewsCodes, Digital Source Type, as of September 2024; each concept's address is its identifier."""


class DigitalSource(StrEnum):
    """Concepts of the vocabulary that fit what generators here make."""

    ALGORITHMICALLY_ENHANCED = "algorithmicallyEnhanced"
    """A photograph altered by an algorithm that adds nothing to it, such as a blur."""
    COMPOSITE_CAPTURE = "compositeCapture"
    """Several photographs in one."""
    COMPOSITE_SYNTHETIC = "compositeSynthetic"
    """A photograph with something in it that no camera saw, such as a drawn mask or a moved mouth."""
    COMPOSITE_TRAINED = "compositeWithTrainedAlgorithmicMedia"
    """A photograph with parts that a trained model made."""
    ALGORITHMIC = "algorithmicMedia"
    """Made by an algorithm that was trained on nothing."""
    TRAINED = "trainedAlgorithmicMedia"
    """Made by a model that was trained on sampled media."""

    @property
    def uri(self) -> str:
        """The concept's address, the value of `Iptc4xmpExt:DigitalSourceType`."""
        return VOCABULARY + self.value
