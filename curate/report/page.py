"""Puts the page together: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup
from numpy.typing import NDArray

from curate.report import facts
from curate.report.charts import Bar, bars
from curate.report.crosstab import crosstab
from curate.report.distributions import Card, can_draw, card
from curate.report.options import ReportOptions
from curate.report.sample import DOUBT, NEEDED, extremes, may_be_minors, told_minors, varied
from curate.report.thumbnails import Thumbnailer
from curate.report.tiles import Tile, flagged_boxes, make_tiles, overlay_names
from curate.scores import scores_beside
from curate.store import Dataset
from curate.store.parts import replacing
from schemas import REGISTRY, Column, ImageStatus
from schemas.columns import faces, images, labels

HEADLINES = (
    labels.AGE_GROUP, labels.AGE, labels.GENDER, labels.RACE, labels.PERCEIVED_EMOTION, labels.MONK, labels.AU_SCORE,
    labels.YAW, labels.PITCH, labels.QUALITY_SCORE, faces.BOX_W,
)  # fmt: skip
"""Cards shown first; every other column that can be drawn follows by group."""


@dataclass(frozen=True)
class Gallery:
    """The pictures on the page and why others are not on it."""

    tiles: tuple[Tile, ...] = ()
    worst: tuple[Tile, ...] = ()
    best: tuple[Tile, ...] = ()
    points: tuple[Column, ...] = ()
    minors: int = 0
    age_known: bool = False
    unreadable: int = 0
    over_budget: int = 0
    """Faces left out because the page had grown to its limit."""


def write_report(ds: Dataset, target: Path | str, options: ReportOptions | None = None) -> Path:
    """Write the dataset's report as one self-contained HTML page.

    The same dataset and options give the same bytes. Nothing in the page refers to anything outside it.

    Args:
        ds: The dataset.
        target: File to write; a folder gets `report.html` inside.
        options: See `ReportOptions`.

    Returns:
        The file.

    Raises:
        DatasetError: if a part is damaged or the file cannot be written.
    """
    target = Path(target)
    target = target / "report.html" if target.is_dir() else target
    html = render(ds, options or ReportOptions())
    with replacing(target) as file:
        file.write(html.encode("utf-8"))
    return target


def render(ds: Dataset, options: ReportOptions) -> str:
    """The page as text; see `write_report`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("curate.report", "template"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["n"] = "{:,}".format
    style, script = _asset("page.css"), _asset("page.js")
    gallery = collect_gallery(ds, options)
    return environment.get_template("page.html").render(
        title=options.title or ds.info.name or "Face dataset",
        version=metadata.version("facecurate"),
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style + _toggles(gallery.points), script),
        toggles=Markup(_toggles(gallery.points)),
        options=options,
        doubt=DOUBT,
        gallery=gallery,
        **_totals(ds, options),
        **_cards(ds),
    )


@cache
def _asset(name: str) -> str:
    return resources.files("curate.report").joinpath("template", name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """A content security policy that lets only this page's own style and script run and loads nothing."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    style_digest, script_digest = digests
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{style_digest}'; script-src 'sha256-{script_digest}'"
    )


def _toggles(points: Iterable[Column]) -> str:
    """Rules that show an overlay while its box is ticked."""
    names = ["box", "pose", *(c.name for c in points)]
    return "\n" + "\n".join(f"body:has(#show-{n}:checked) .ov-{n}{{display:inline}}" for n in names) + "\n"


def _totals(ds: Dataset, options: ReportOptions) -> dict[str, Any]:
    counts = ds.counts()
    layers = facts.layers(ds)
    reasons = facts.ledger(ds, options.ledger_examples)
    usable = counts.images.get(ImageStatus.OK.value, 0)
    pictures = sum(counts.images.values())
    return {
        "info": ds.info,
        "pictures": pictures,
        "usable": usable,
        "in_ledger": sum(r.count for r in reasons),
        "faces": counts.faces,
        "failed_labels": sum(row.failed for row in layers),
        "pending": max(counts.sources - pictures, 0),
        "ledger": reasons,
        "ledger_chart": bars([Bar(r.reason, r.count, f"{r.count:,}") for r in reasons], "Ledger by reason"),
        "layers": layers,
        "models": facts.models(ds),
        "per_image": bars(facts.faces_per_image(ds, usable), "Pictures by number of faces") if usable else "",
    }


def _cards(ds: Dataset) -> dict[str, Any]:
    present = [REGISTRY[n] for n in ds.columns() if n in REGISTRY]
    drawn = [c for c in present if can_draw(c) and c.group != "images"]
    if not ds.counts().faces:
        return {"headline_cards": [], "card_groups": {}, "image_cards": _image_cards(ds), "crosstab": None}
    groups: dict[str, list[Card]] = {}
    cards: dict[str, Card] = {}
    for group in dict.fromkeys(c.group for c in drawn):
        for made in _group_cards(ds, [c for c in drawn if c.group == group], present):
            groups.setdefault(group, []).append(made)
            cards[made.title] = made
    return {
        "headline_cards": [cards[c.name] for c in HEADLINES if c.name in cards],
        "card_groups": groups,
        "image_cards": _image_cards(ds),
        "crosstab": crosstab(ds, labels.AGE_GROUP, labels.GENDER),
    }


def _group_cards(ds: Dataset, columns: Sequence[Column], present: Sequence[Column]) -> Iterable[Card]:
    """Cards of one group; only this group's columns are in memory meanwhile."""
    beside = {c.name: s for c in columns if (s := scores_beside(c)) in present and s is not None}
    table = ds.faces(dict.fromkeys([*columns, *beside.values()]))
    for column in columns:
        scores = beside.get(column.name)
        yield card(column, table.column(column.name), table.column(scores.name) if scores else None)


def _image_cards(ds: Dataset) -> list[Card]:
    shown = [c for c in images.IMAGES.values() if can_draw(c) and c not in (images.URI, images.NAME, images.EXTRA)]
    table = ds.images(shown)
    made = [card(c, table.column(c.name)) for c in shown if table.column(c.name).null_count < table.num_rows]
    return [c for c in made if c.chart]


def collect_gallery(ds: Dataset, options: ReportOptions) -> Gallery:
    """Choose faces and cut them out."""
    present = ds.columns()
    table = ds.faces([c for c in dict.fromkeys([*NEEDED, *faces.BOX]) if c.name in present])
    flags = may_be_minors(table) | _told(ds, table)
    age_known = any(c.name in present for c in (labels.AGE, labels.AGE_GROUP))
    if not options.thumbnails or not table.num_rows:
        return Gallery(minors=int(flags.sum()), age_known=age_known)
    barred = flags if options.hide_minors else np.zeros_like(flags)
    chosen = varied(table, ~barred, options.faces)
    worst, best = extremes(table, ~barred, options.extremes)
    return _cut(ds, options, table, barred, (chosen, worst, best), int(flags.sum()), age_known)


def _told(ds: Dataset, table: pa.Table) -> NDArray[np.bool_]:
    """Faces of pictures that their list calls a minor's."""
    known = pc.is_in(table.column(faces.IMAGE_ID.name).cast(pa.string()), value_set=told_minors(ds))
    return np.asarray(known.to_numpy(), bool)


def _cut(
    ds: Dataset, options: ReportOptions, table: pa.Table, barred: NDArray[np.bool_],
    rows: tuple[list[int], list[int], list[int]], flagged: int, age_known: bool,
) -> Gallery:  # fmt: skip
    ids = table.column(faces.FACE_ID.name)
    named = [[ids[i].as_py() for i in some] for some in rows]
    wanted = list(dict.fromkeys(face for some in named for face in some))
    shown = pa.array(sorted({i for some in rows for i in some}), pa.int64())
    shown_images = set(table.column(faces.IMAGE_ID.name).take(shown).to_pylist())
    hidden = flagged_boxes(table, barred, shown_images)
    with Thumbnailer(options.max_bytes) as thumbs:
        tiles = make_tiles(ds, wanted, thumbs, options.thumbnail, hidden)
        chosen, worst, best = (tuple(tiles[f] for f in some if f in tiles) for some in named)
        points = tuple(overlay_names(ds.columns()))
        return Gallery(chosen, worst, best, points, flagged, age_known, thumbs.unreadable, thumbs.over_budget)
