"""Labels that a picture may take over from the face it was made from, by what kind of change leaves them true."""

from __future__ import annotations

from schemas.columns import labels

WHO = (labels.AGE, labels.AGE_GROUP, labels.GENDER, labels.RACE, labels.RACE4)
"""Who the person is taken for."""
EXPRESSION = (labels.PERCEIVED_EMOTION, labels.EMOTION8, labels.MOUTH_STATE, labels.EYES_STATE)
"""What the face does."""
POSE = (labels.YAW, labels.PITCH, labels.ROLL)
"""Where the head is turned."""
WORN = (labels.EYEWEAR, labels.MASK_WORN)
"""What is worn on the face."""
SKIN = (labels.MONK, labels.ITA_CLASS)
"""Its tone."""

SAME_FACE = (*WHO, *EXPRESSION, *POSE, *WORN)
"""All that stays true of a face whose pixels get worse, or are drawn another way, without moving."""
