"""From signed action units to the points of a moved head, with lids and lips that touch but do not cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from annotators.canonical_face import Array
from curate.generators.au_movements import SIDES, STRONGEST, field, movements
from curate.generators.eyelids import lids_apart
from curate.generators.mouth_interior import closing_share, lips_apart


def moved_head(head: Array, levels: Mapping[str, float], sides: Sequence[str] = SIDES) -> Array:
    """The head after the units' movements, shape (468, 3) cm.

    Units add up. Those that part the lips, taken back, close them until they meet and no further.

    Args:
        head: (468, 3) points in the frame of the head, cm.
        levels: Unit -> change of its intensity, -5 to 5.
        sides: The subject's sides that move.
    """
    move, shut = np.zeros_like(head), np.zeros_like(head)
    for name, level in levels.items():
        part = field(name, head, sides) * level / STRONGEST
        if level < 0 and any(m.opens for m in movements()[name]):
            shut += part
        else:
            move += part
    share = closing_share(head, move, shut)
    return lids_apart(lips_apart(head + move + share * shut, together=bool(shut.any()) and share < 1))
