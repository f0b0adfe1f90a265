"""The data card as one self-contained HTML page, in the look of the reports."""

from __future__ import annotations

from curate import __version__
from curate.card.document import NOT_STATED, Document
from curate.report.style import styled

STYLES = (("curate.report", "page.css"), ("curate.card", "card.css"))


def html(document: Document) -> str:
    """The card as text of an HTML page; any text of the dataset is escaped, and nothing is loaded."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("curate.card", "template"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.tests["of"] = lambda block, kind: type(block).__name__ == kind
    return environment.get_template("card.html").render(
        document=document,
        version=__version__,
        not_stated=NOT_STATED,
        **styled(STYLES),
    )
