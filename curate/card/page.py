"""The data card as one self-contained HTML page, in the look of the reports."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from markupsafe import Markup

from curate import __version__
from curate.card.document import NOT_STATED, Document


def html(document: Document) -> str:
    """The card as text of an HTML page; any text of the dataset is escaped, and nothing is loaded."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("curate.card", "template"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.tests["of"] = lambda block, kind: type(block).__name__ == kind
    style = _asset("curate.report", "page.css") + _asset("curate.card", "card.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("card.html").render(
        document=document,
        version=__version__,
        not_stated=NOT_STATED,
        style=Markup(style),
        policy=f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'",
    )


def _asset(package: str, name: str) -> str:
    return resources.files(package).joinpath("template", name).read_text("utf-8")
