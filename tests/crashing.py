"""Work for the pool's test; imports nothing, so that worker processes start at once."""

from __future__ import annotations

import os
from collections.abc import Callable


def work() -> Callable[[int], int]:
    """Squares numbers; ends its process over three."""
    return _square


def _square(order: int) -> int:
    if order == 3:
        os._exit(1)
    return order * order
