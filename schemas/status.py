"""Absent, failed and negative are three things; these enums keep them apart."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What one annotator did with one face."""

    OK = "ok"
    NOT_APPLICABLE = "not_applicable"
    """Cannot be said of this face (too small, no mesh, a region outside the frame); values are null."""
    FAILED = "failed"
    """The annotator broke on this face; values are null and `error` says why; it can be retried."""


class ImageStatus(StrEnum):
    """What became of one source picture."""

    OK = "ok"
    DUPLICATE = "duplicate"
    """Byte for byte the same as an earlier picture, which carries the labels."""
    REJECTED = "rejected"
    """Not a usable picture; `reason` says why. Trying again will not help."""
    FAILED = "failed"
    """Could not be read this time (network, permission, vanished file); it can be retried."""


class Reason(StrEnum):
    """Why a picture is in the ledger (every row whose status is not `ok`)."""

    NONE = ""
    DUPLICATE = "duplicate"
    EMPTY = "empty"
    """Zero bytes."""
    NOT_AN_IMAGE = "not_an_image"
    """Text, HTML, video, archive or anything that no image decoder knows."""
    TRUNCATED = "truncated"
    """The file ends before the picture does."""
    CORRUPT = "corrupt"
    """The decoder met damaged data, or decoders disagree on the pixels."""
    TOO_LARGE = "too_large"
    """More pixels or bytes than the limits allow."""
    BOMB = "decompression_bomb"
    """A small file that claims to unfold into an enormous picture."""
    TOO_SMALL = "too_small"
    """A side of fewer pixels than a face could be seen in."""
    UNSUPPORTED = "unsupported_format"
    """A real picture in a form that this build cannot decode (camera raw, HEIC without its plug-in)."""
    MISSING = "missing"
    UNREADABLE = "unreadable"
    """The operating system or the remote store refused to give the bytes."""
    DETECTION_FAILED = "detection_failed"
    """The detector broke on this picture; it can be retried."""
    CHANGED = "changed"
    """The bytes are no longer those that were ingested."""
