"""Files that say of themselves that no camera took them."""

from __future__ import annotations

VOCABULARY = b"cv.iptc.org/newscodes/digitalsourcetype/"
"""How the IPTC's addresses of kinds of sources begin, after the protocol; see `curate.generators.provenance`."""
SYNTHETIC = (
    b"trainedAlgorithmicMedia", b"compositeSynthetic", b"compositeWithTrainedAlgorithmicMedia", b"algorithmicMedia",
    b"virtualRecording",
)  # fmt: skip
"""Kinds that hold something synthetic. Photographs that a camera or a person enhanced are not among them."""
OURS = b"facecurate.invalid/ns/generation/"
"""Stands in every picture that a generator here made, whatever its kind."""


def says_synthetic(data: bytes) -> bool:
    """Whether a file's metadata call it synthetic, in XMP that is stored plainly, as it mostly is.

    Args:
        data: The encoded picture.
    """
    if OURS in data:
        return True
    at = data.find(VOCABULARY)
    while at >= 0:
        kind = data[at + len(VOCABULARY) : at + len(VOCABULARY) + 40]
        if any(kind.startswith(name) for name in SYNTHETIC):
            return True
        at = data.find(VOCABULARY, at + 1)
    return False
