"""The one tree of errors. Each is picklable, carries fields, and prints as one line for a user.

Everything a user can cause derives from `FacecurateError`; the command line prints its message and
leaves with `exit_code`. Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FacecurateError(Exception):
    """Root of all errors that a user can cause and mend.

    Args:
        what: What went wrong, naming the file, column or option.
        why: The reason, if it is known.
        fix: The way out: a command, an option, a place to look.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(what, why, fix)
        self.what = what
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        line = self.what
        if self.why:
            line += f": {self.why}"
        if self.fix:
            line += f". {self.fix}"
        return " ".join(line.split())


class UsageError(FacecurateError):
    """A wrong option, name or path: nothing was started."""

    exit_code = 2


MOST_NAMES = 40
"""Known names that an error lists, at most."""


class UnknownNameError(UsageError):
    """A name that is not in a closed list; the message offers the nearest one."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
        hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known[:MOST_NAMES])}{more}"
        super().__init__(f"unknown {kind} '{name}'", fix=hint)
        self.kind, self.name, self.known = kind, name, known

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.kind, self.name, self.known)


class SchemaError(FacecurateError):
    """A value or table that does not keep to its declared column or taxonomy."""


class TaxonomyError(SchemaError):
    """A label outside its taxonomy, or two code systems mixed."""


class DatasetError(FacecurateError):
    """A dataset folder that cannot be read or written as asked."""

    exit_code = 2


class ModelError(FacecurateError):
    """A model file that is missing, damaged, or not what its hash promises."""

    exit_code = 2


class MissingExtraError(UsageError):
    """An optional library is absent; the message names the extra to install."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"this needs the library '{library}', which is not installed",
            fix=f"Install it with: pip install 'facecurate[{extra}]'",
        )
        self.library, self.extra = library, extra

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.library, self.extra)
