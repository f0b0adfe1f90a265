"""How decoding says no."""

from __future__ import annotations

from schemas.status import ImageStatus, Reason


class PictureError(Exception):
    """A source that cannot become pixels; caught by `load`, which writes it to the ledger.

    Args:
        reason: Code for the ledger.
        detail: The same in words.
        status: `rejected`, or `failed` where trying again may help.
    """

    def __init__(self, reason: Reason, detail: str, status: ImageStatus = ImageStatus.REJECTED) -> None:
        super().__init__(reason, detail, status)
        self.reason = reason
        self.detail = detail
        self.status = status
