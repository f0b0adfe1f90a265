"""From encoded bytes to upright RGB pixels, or to a reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from curate.ingest.formats import Facts, decode_jpeg, decode_other
from curate.ingest.options import Limits
from curate.ingest.pixels import Pixels
from curate.ingest.problem import PictureError
from curate.ingest.reader import SourceReader, content_id
from curate.ingest.sniff import sniff
from curate.ingest.synthetic import says_synthetic
from schemas.columns import images
from schemas.columns import sources as src
from schemas.status import ImageStatus, Reason

CARRIED = (
    src.URI, src.MEMBER, src.NAME, src.BYTES, src.LICENCE, src.CONSENT, src.SPLIT, src.EXTRA, src.DUPLICATE_OF,
    *src.LINEAGE,
)  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """One source after reading.

    Attributes:
        row: A full row of the images table.
        pixels: (H, W, 3) uint8, RGB, upright, C-contiguous; None unless the row's status is `ok`.
    """

    row: dict[str, object]
    pixels: Pixels | None


def load(
    source: Mapping[str, object],
    limits: Limits | None = None,
    expect_id: str | None = None,
    reader: SourceReader | None = None,
) -> Loaded:
    """Read and decode one source.

    The pixels are 8-bit sRGB, upright by the EXIF orientation, of the first frame or page. Transparency is
    laid over white, 16 bits are scaled over their range, an embedded colour profile is applied. A file whose metadata
    call it synthetic is marked so, unless the source says otherwise. A bad picture
    gives a row with status, reason and detail, never an exception. Safe to call from several threads, with
    a reader for each.

    Args:
        source: A row of the sources table.
        limits: What is too large or too small.
        expect_id: The `image_id` that the bytes had before; other bytes give `failed` / `changed`.
        reader: Kept open over many sources of one container; without it one is made for this call.
    """
    row: dict[str, object] = dict.fromkeys(images.IMAGES)
    row.update({c.name: source.get(c.name) for c in CARRIED})
    facts = Facts()
    pixels = None
    status, reason, detail = ImageStatus.OK, Reason.NONE, None
    try:
        data = _read(source, limits or Limits(), reader)
        row[images.IMAGE_ID.name] = image_id = content_id(data)
        row[images.BYTES.name] = len(data)
        _refuse_changed(image_id, expect_id)
        facts.format = sniff(data)
        if row[images.IS_SYNTHETIC.name] is None and says_synthetic(data):
            row[images.IS_SYNTHETIC.name] = True
        _refuse_duplicate(source.get(src.DUPLICATE_OF.name))
        pixels = _decode(data, facts, limits or Limits())
        detail = facts.note
    except PictureError as problem:
        status, reason, detail = problem.status, problem.reason, problem.detail
    row.update(_found(facts))
    row.update({
        images.STATUS.name: status.value,
        images.REASON.name: reason.value,
        images.DETAIL.name: detail,
    })  # fmt: skip
    return Loaded(row, pixels)


def _read(source: Mapping[str, object], limits: Limits, reader: SourceReader | None) -> bytes:
    """Bytes of a source; its known size is looked at first, so that a giant is never read."""
    uri, member, size = (source.get(c.name) for c in (src.URI, src.MEMBER, src.BYTES))
    if not uri:
        raise PictureError(Reason.MISSING, "the list names no path in this row", ImageStatus.FAILED)
    if isinstance(size, int) and size > limits.max_bytes:
        raise PictureError(Reason.TOO_LARGE, f"{size:,} bytes, more than {limits.max_bytes:,}")
    try:
        with SourceReader() as own:
            data = (reader or own).read(str(uri), member if isinstance(member, int) else None)
    except FileNotFoundError as error:
        raise PictureError(Reason.MISSING, _words(error), ImageStatus.FAILED) from error
    except Exception as error:  # remote stores raise errors of their own libraries
        raise PictureError(Reason.UNREADABLE, _words(error), ImageStatus.FAILED) from error
    if len(data) > limits.max_bytes:
        raise PictureError(Reason.TOO_LARGE, f"{len(data):,} bytes, more than {limits.max_bytes:,}")
    return data


def _refuse_changed(image_id: str, expect_id: str | None) -> None:
    if expect_id is not None and image_id != expect_id:
        raise PictureError(Reason.CHANGED, "the bytes are not those that were ingested", ImageStatus.FAILED)


def _refuse_duplicate(original: object) -> None:
    if original is not None:
        raise PictureError(Reason.DUPLICATE, f"the same bytes as {original}", ImageStatus.DUPLICATE)


def _decode(data: bytes, facts: Facts, limits: Limits) -> Pixels:
    try:
        if facts.format == "JPEG":
            return decode_jpeg(data, facts, limits)
        return decode_other(data, facts, limits)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(Reason.TOO_LARGE, "not enough memory to decode it", ImageStatus.FAILED) from error
    except Exception as error:  # decoders raise anything at all over damaged bytes
        reason = Reason.TRUNCATED if "truncated" in str(error).lower() else Reason.CORRUPT
        raise PictureError(reason, f"{facts.format}: {_words(error)}") from error


def _found(facts: Facts) -> dict[str, object]:
    return {
        images.FORMAT.name: facts.format or None,
        images.MODE.name: facts.mode,
        images.WIDTH.name: facts.width or None,
        images.HEIGHT.name: facts.height or None,
        images.ORIENTATION.name: facts.orientation,
        images.HAS_GPS.name: facts.has_gps if facts.mode else None,
        images.FRAMES.name: facts.frames if facts.mode else None,
    }


def _words(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split()) or type(error).__name__
