"""An annotation as a server gives it, or a webhook sends it, checked before anything of it is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LONGEST = 7 * 24 * 3600.0
"""Seconds; a longer lead time is a page left open."""


@dataclass(frozen=True)
class Annotation:
    """One reviewer's answer to one task.

    Attributes:
        number: Its id on the server.
        task: Id of the task.
        project: Id of the project.
        reviewer: Id of the person.
        updated: When it was last saved, ISO 8601 in UTC.
        seconds: Lead time; None if the server does not say.
        skipped: The reviewer skipped the task.
        result: Not yet looked at.
    """

    number: int
    task: int
    project: int
    reviewer: int
    updated: str
    seconds: float | None
    skipped: bool
    result: Any


def read(given: Any, task: int, project: int) -> Annotation | str:
    """An annotation, or why it is left alone.

    Args:
        given: As it came.
        task: Id of the task that it must belong to.
        project: Id of the project that it must belong to.
    """
    if not isinstance(given, Mapping):
        return "an annotation that is no object"
    number, reviewer = _number(given.get("id")), _number(_person(given.get("completed_by")))
    updated = _time(given.get("updated_at") or given.get("created_at"))
    if number is None or reviewer is None or updated is None:
        return "an annotation without id, person or time"
    if given.get("task", task) != task or given.get("project", project) != project:
        return "an annotation of another task or project"
    seconds = _seconds(given.get("lead_time"))
    skipped = given.get("was_cancelled") is True
    return Annotation(number, task, project, reviewer, updated, seconds, skipped, given.get("result"))


def _person(given: Any) -> Any:
    return given.get("id") if isinstance(given, Mapping) else given


def _number(given: Any) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) and given > 0 else None


def _seconds(given: Any) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        return None
    return float(given) if 0 <= given <= LONGEST else None


def _time(given: Any) -> str | None:
    if isinstance(given, datetime):
        return given.astimezone(UTC).isoformat(timespec="microseconds")
    try:
        return datetime.fromisoformat(given).astimezone(UTC).isoformat(timespec="microseconds")
    except (TypeError, ValueError):
        return None
