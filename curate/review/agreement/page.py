"""The agreement of reviewers as one self-contained HTML page. It shows no picture of anybody."""

from __future__ import annotations

from curate import __version__
from curate.report.style import styled
from curate.review.agreement.results import Agreement
from curate.review.agreement.section_charts import people_charts
from curate.review.agreement.views import line, people, section_view, short_names

STYLES = (
    ("curate.report", "page.css"), ("curate.evaluation", "page.css"), ("curate.audit", "audit.css"),
    ("curate.review.agreement", "agreement.css"),
)  # fmt: skip
MOST_CASES = 25
MOST_COMMENTS = 100
LONGEST_COMMENT = 600
"""Characters of a comment that the page shows; the JSON has all of them."""


def render(found: Agreement) -> str:
    """The page as text; the same agreement gives the same bytes.

    Returns:
        HTML that loads nothing. All text of the dataset and of reviewers is escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("curate.review.agreement", "template"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["n"] = "{:,}".format
    short = short_names([r.name for r in found.reviewers])
    least = int(found.options["min_group"])
    return environment.get_template("agreement.html").render(
        found=found, version=__version__, **styled(STYLES), short=short, least=least,
        lines=[line(s) for s in found.sections],
        views=[section_view(s, short, least) for s in found.sections],
        people=people(found, short), charts=people_charts(found, short), most_cases=MOST_CASES,
        comments=[(short[who], image, _cut(text)) for who, image, text in found.comments[:MOST_COMMENTS]],
    )  # fmt: skip


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_COMMENT else f"{text[: LONGEST_COMMENT - 1]}…"
