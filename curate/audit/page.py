"""The audit as one self-contained HTML page: for a manager at the top, for a statistician further down.

The command that makes an audit calls `pictures_for(dataset, audit)` (or not: the page does without pictures) and
then `render(audit, before=..., pictures=...)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate import __version__
from curate.audit import notices, page_associations, page_changes, page_gaps, page_people, page_relations, page_views
from curate.audit.page_pictures import Pictures, pictures_for
from curate.audit.results import Audit
from curate.card import uses
from curate.report.style import styled

__all__ = ["Pictures", "pictures_for", "render"]

STYLES = (("curate.report", "page.css"), ("curate.evaluation", "page.css"), ("curate.audit", "audit.css"))


def render(audit: Audit, *, before: Mapping[str, Any] | None = None, pictures: Pictures | None = None) -> str:
    """The page as text; the same audit gives the same bytes.

    Args:
        audit: What was found.
        before: The JSON of an earlier audit (`read_audit`) to hold this one against.
        pictures: Faces to show (`pictures_for`); None for a page without pictures.

    Returns:
        HTML that loads nothing. All text of the dataset is escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("curate.audit", "template"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["n"] = "{:,}".format
    environment.filters["words"] = page_views.words
    environment.filters["sentence"] = page_views.sentence
    return environment.get_template("audit.html").render(
        audit=audit,
        version=__version__,
        **styled(STYLES, pictures=True),
        pictures=pictures or Pictures(),
        uses=uses,
        notices=notices,
        least=int(audit.options.get("min_group", 0)),
        headline=page_views.headline(audit),
        lacking=page_people.lacking(audit),
        columns=page_people.columns(audit, pictures or Pictures()),
        crossings=page_people.crossings(audit),
        corrected=page_people.corrected(audit),
        small=page_people.small_cells(audit),
        ties=page_people.ties(audit),
        associations=page_associations.associations(audit),
        conditions=page_gaps.conditions(audit),
        missing=page_gaps.missing(audit),
        errors=page_gaps.errors(audit),
        filters=page_gaps.filters(audit),
        relations=page_relations.relations(audit),
        changes=page_changes.changes(audit, before) if before is not None else None,
        methods=page_views.methods(audit),
        spoken=page_views.sources(audit),
    )
