"""What a kind of pair is: roles, rules between them, bounds on what is measured, and a way to propose rows.

A kind only proposes. The engine (`curate.pairs.choose`) holds every proposed row against the rules and bounds that
the kind declares, and counts what it refuses, so a mistake in a proposal cannot put a wrong row into a dataset.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from annotators.base import Config
from annotators.crops import Pixels
from schemas import Column, SchemaError
from schemas.columns import labels

if TYPE_CHECKING:
    from curate.export.sample import Sample
    from curate.pairs.pool import Pool

ANY, SAME, DIFFERENT = "any", "same", "different"
NEVER, CHILD, PARTNER = "never", "child", "partner"
IDENTITIES, KINSHIPS = (ANY, SAME, DIFFERENT), (NEVER, ANY, CHILD, PARTNER)


@dataclass(frozen=True)
class Role:
    """What a face is in a row.

    Attributes:
        name: Column names begin with it.
        doc: In a few words.
        many: It holds a list of faces.
        optional: It may be empty.
        views: Views that this kind always writes for it: column of the row -> name of the view.
        complete: Rows are refused where one of these views cannot be made; else its column is null there.
    """

    name: str
    doc: str
    many: bool = False
    optional: bool = False
    views: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False


@dataclass(frozen=True)
class Relation:
    """What must hold between every face of one role and every face of another, or between those of one role.

    Without a relation the defaults hold between any two faces of a row.

    Attributes:
        first: A role.
        second: Another, or the same one for the faces within it.
        identity: `same`, `different` or `any`. Faces of unknown identity are neither the same nor different.
        picture: Whether they lie in `different` pictures, in the `same` one, or `any`.
        kin: `never`: neither is made from the photograph of the other or from one of its own; `child`: the second is
            made from the first; `partner`: the first is the face that the second took its second part from; `any`.
            A child and a partner are alike on purpose, so they are not held for copies.
    """

    first: str
    second: str
    identity: str = ANY
    picture: str = DIFFERENT
    kin: str = NEVER

    def __post_init__(self) -> None:
        for value, known in ((self.identity, IDENTITIES), (self.picture, IDENTITIES), (self.kin, KINSHIPS)):
            if value not in known:
                raise SchemaError(f"relation of {self.first} and {self.second}: '{value}'", f"known: {known}")


@dataclass(frozen=True)
class Bound:
    """Limits on a difference between two roles; its value is stored in every row.

    Attributes:
        difference: Name of a difference, see `curate.pairs.differences`.
        first: A role.
        second: Another, or the same one for the faces within it.
        least: A number, or the name of a setting that holds it; None for no limit. Inclusive.
        most: The same.
        column: Name of its column; that of the difference if empty.
        unknown: Whether rows stay for which it is unknown; the value is null then.
    """

    difference: str
    first: str
    second: str
    least: float | str | None = None
    most: float | str | None = None
    column: str = ""
    unknown: bool = False

    @property
    def name(self) -> str:
        """Its column."""
        return self.column or self.difference

    def limits(self, config: Config) -> tuple[float, float]:
        """Least and most under these settings."""
        return _limit(self.least, config, -np.inf), _limit(self.most, config, np.inf)


def _limit(value: float | str | None, config: Config, default: float) -> float:
    if value is None:
        return default
    return float(getattr(config, value)) if isinstance(value, str) else float(value)


@dataclass(frozen=True)
class Row:
    """A row that a kind proposes.

    Attributes:
        faces: Role -> rows of the pool; one for single roles, none for an optional one that is empty.
        notes: What the kind drew or knows besides: numbers, texts, flags and lists of them; each becomes a column.
    """

    faces: Mapping[str, tuple[int, ...]]
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def every(self) -> tuple[tuple[str, int], ...]:
        """Role and pool row of all its faces."""
        return tuple((role, face) for role, found in self.faces.items() for face in found)


class PairKind(ABC):
    """Proposes rows of one kind.

    Class attributes:
        name: The command line and the docs use it.
        doc: One sentence for the table of kinds.
        source: The published work whose training rows have this form.
        roles: In the order of the columns.
        needs: Columns without which it cannot work, besides those that its relations and bounds read.
        uses: Columns that it reads where they are there, likewise.
        carries: Columns whose values are written for every face of every role, where they are there; points in the
            pixels of the written picture.
        relations: Rules between roles; the defaults of `Relation` hold between the others.
        bounds: Limits on differences between roles.
        adults: Every face must be certainly an adult's, since the rows serve to make pictures of people. Rows with
            a generated picture are held to this anyway.
        aligned: Pictures are written in the frame of the generator's portrait, so before and after lie on each other.
        ordered: Rows with the same faces in exchanged roles are two rows.
        config_type: Class of its own settings.
        figures: What `facts` gives, column -> one line on it.
        draws: What `draw` gives, column -> one line on it.
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    source: ClassVar[str]
    roles: ClassVar[tuple[Role, ...]]
    needs: ClassVar[tuple[Column, ...]] = ()
    uses: ClassVar[tuple[Column, ...]] = ()
    carries: ClassVar[tuple[Column, ...]] = ()
    relations: ClassVar[tuple[Relation, ...]] = ()
    bounds: ClassVar[tuple[Bound, ...]] = ()
    adults: ClassVar[bool] = False
    aligned: ClassVar[bool] = False
    ordered: ClassVar[bool] = True
    config_type: ClassVar[type[Config]] = Config
    figures: ClassVar[Mapping[str, str]] = {}
    draws: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "name"):
            return
        for attribute in ("doc", "source", "roles"):
            if not getattr(cls, attribute, None):
                raise SchemaError(f"kind of pair {cls.__name__} declares no {attribute}")
        known = {r.name for r in cls.roles}
        named = {r for x in cls.relations for r in (x.first, x.second)}
        named |= {r for x in cls.bounds for r in (x.first, x.second)}
        if alien := sorted(named - known):
            raise SchemaError(f"kind of pair {cls.__name__} has a rule for '{alien[0]}'", "it is none of its roles")

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_type()

    @classmethod
    def required(cls) -> tuple[Column, ...]:
        """Columns without which it cannot work: its own, those of its bounds, and identities where a relation asks."""
        from curate.pairs.differences import difference

        by_bounds = [c for b in cls.bounds if not b.unknown for c in difference(b.difference).needs]
        people = [labels.IDENTITY_ID] if any(r.identity != ANY for r in cls.relations) else []
        return tuple(dict.fromkeys([*cls.needs, *people, *by_bounds]))

    @classmethod
    def read(cls) -> tuple[Column, ...]:
        """Columns that are read where they are there; embeddings tell strangers who are alike."""
        from curate.pairs.differences import difference

        by_bounds = [c for b in cls.bounds if b.unknown for c in difference(b.difference).needs]
        strangers = [labels.EMBEDDING] if any(r.identity == DIFFERENT for r in cls.relations) else []
        return tuple(dict.fromkeys([*cls.uses, *strangers, *by_bounds]))

    @classmethod  # noqa: B027 - most need nothing
    def preflight(cls, config: Config) -> None:
        """Make sure, before anything is read, that it can work with these settings.

        Raises:
            UsageError: if it cannot.
        """

    @abstractmethod
    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Rows, best or drawn first; the engine stops taking when it has enough. The same for the same rng."""

    def refuses(self, pool: Pool, row: Row) -> str:
        """Why a row that keeps all rules is none of this kind; empty if it is one. The engine asks for every row."""
        return ""

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """Further values of a row, computed from its faces and notes alone: they are computed again to check them."""
        return {}

    def draw(self, row: Row, samples: Mapping[str, Sequence[Sample]]) -> Mapping[str, Pixels]:
        """Pictures of a row as a whole, such as what changed: column -> RGB or grey pixels, written as PNG.

        Args:
            row: An accepted row.
            samples: Role -> the written pictures of its faces; their labels are those that `carries` names.
        """
        return {}


__all__ = [
    "ANY", "CHILD", "DIFFERENT", "NEVER", "PARTNER", "SAME", "Bound", "Config", "PairKind", "Relation", "Role", "Row",
]  # fmt: skip
