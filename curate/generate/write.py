"""Pictures of an order, encoded and on disk: the work of one process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from curate.generate.face_rows import Unreadable
from curate.generate.journal import FAILED, MADE, REFUSED, Entry
from curate.generate.metadata import FORMATS, encode
from curate.generate.orders import Maker, Order
from curate.generators.base import CannotGenerate
from curate.store.parts import replacing
from schemas import FacecurateError
from schemas.columns import images

BETWEEN = "; "


def file_name(stem: str, step: int, form: str) -> str:
    """Name of a picture."""
    return f"{stem}-{step:03d}.{FORMATS[form]}"


def writer(folder: Path) -> Callable[[], Callable[[Order], Entry]]:
    """A maker of functions that work off orders and write their pictures below a folder per generator."""
    return partial(_writer, folder)


def _writer(folder: Path) -> Callable[[Order], Entry]:
    maker = Maker()

    def work(order: Order) -> Entry:
        return made_entry(maker, order, folder / order.generator)

    return work


def made_entry(maker: Maker, order: Order, folder: Path) -> Entry:
    """Work off an order and write its pictures; what became of it."""
    try:
        pictures = maker.pictures(order)
        data = [encode(pixels, lineage, order.frame.form) for pixels, lineage in pictures]
    except Unreadable as answer:
        return entry_of(order, FAILED, reason=str(answer))
    except CannotGenerate as answer:
        return entry_of(order, REFUSED, reason=str(answer))
    except FacecurateError:
        raise
    except Exception as error:  # noqa: BLE001 - one face must not stop a run; the journal says why
        return entry_of(order, FAILED, reason=f"{type(error).__name__}: {error}")
    names = []
    for content, (_, lineage) in zip(data, pictures, strict=True):
        names.append(file_name(order.stem, lineage.step, order.frame.form))
        with replacing(folder / names[-1]) as file:
            file.write(content)
    return entry_of(order, MADE, files=tuple(names), rows=tuple(lineage.columns() for _, lineage in pictures))


def entry_of(order: Order, outcome: str, **rest: Any) -> Entry:
    """The journal's entry of an order."""
    return Entry(
        stem=order.stem,
        outcome=outcome,
        face=order.face_id,
        partner=order.partner_id,
        number=order.number,
        licence=_both(order, images.LICENCE.name),
        consent=_both(order, images.CONSENT.name),
        **rest,
    )


def _both(order: Order, column: str) -> str | None:
    """What the photographs say; of two that differ, both."""
    said = [str(row[column]) for row in (order.face, order.partner) if row and row.get(column)]
    return BETWEEN.join(dict.fromkeys(said)) or None
