"""Who may be a child: what is not written about them, and not sent anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annotators.caption import MINOR_GROUPS
from schemas import Column
from schemas.columns import labels

DOUBT = 0.15
"""Least chance of being under 20 that counts: models take many children for adults."""


def may_be_minor(values: Mapping[Column, Any]) -> bool:
    """Whether a face may be a child's or teenager's; one of unknown age may."""
    ages = values[labels.AGE_PROB]
    if not ages or all(p is None for p in ages.values()):
        return True
    return sum(ages[group] or 0.0 for group in MINOR_GROUPS) >= DOUBT
