"""All rules, by what they are about. A new rule is a function in one of these modules, named in its `RULES`."""

from __future__ import annotations

from functools import cache

from curate.consistency.across import AcrossRule
from curate.consistency.rule import Rule
from curate.consistency.rules import caption, demographics, emotion, expression, eyes_mouth, geometry, groups, picture
from schemas import SchemaError

MODULES = (expression, eyes_mouth, emotion, caption, demographics, picture, geometry)


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule that looks at faces one by one, in order.

    Raises:
        SchemaError: if two have one name.
    """
    found = tuple(rule for module in MODULES for rule in module.RULES)
    if len({rule.name for rule in found}) != len(found):
        raise SchemaError("two consistency rules have one name")
    return found


def across_rules() -> tuple[AcrossRule, ...]:
    """Every rule that holds faces of one group against each other."""
    return groups.RULES
