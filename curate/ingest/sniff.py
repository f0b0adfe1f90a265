"""What a file is by its first bytes; names and extensions are never asked."""

from __future__ import annotations

import re

from curate.ingest.problem import PictureError
from schemas.status import Reason

PICTURES: tuple[tuple[bytes, str], ...] = (
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"GIF8[79]a", "GIF"),
    (rb"RIFF....WEBP", "WEBP"),
    (rb"(II\*\0|MM\0\*|II\+\0|MM\0\+)", "TIFF"),
    (rb"BM.{4}\0\0\0\0", "BMP"),
    (rb"P[1-7fF]\s", "PPM"),
    (rb".{4}ftyp(avif|avis)", "AVIF"),
    (rb".{4}ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)", "HEIF"),
    (rb"(\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51)", "JPEG2000"),
    (rb"\0\0\x01\0[^\0]\0", "ICO"),
    (rb"8BPS\0\x01", "PSD"),
    (rb"qoif", "QOI"),
    (rb"DDS ", "DDS"),
)

UNSUPPORTED: tuple[tuple[bytes, str], ...] = (
    (rb"(II\*\0.{4}CR|.{4}ftypcrx )", "Canon raw"),
    (rb"(IIRO|IIRS|MMOR)", "Olympus raw"),
    (rb"IIU\0", "Panasonic raw"),
    (rb"FUJIFILMCCD-RAW", "Fujifilm raw"),
    (rb"(\xff\x0a|\0\0\0\x0cJXL \r\n)", "JPEG XL"),
    (rb"\x76\x2f\x31\x01", "OpenEXR"),
    (rb"#\?(RADIANCE|RGBE)", "Radiance HDR"),
)

OTHERS: tuple[tuple[bytes, str], ...] = (
    (rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|script)", "an HTML page"),
    (rb"\s*(<\?xml.*?>\s*)?(<!--.*?-->\s*|<!doctype\s+svg.*?>\s*)*<svg", "an SVG drawing"),
    (rb"\s*<\?xml", "an XML file"),
    (rb"%PDF-", "a PDF document"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb".{4}ftypqt", "a QuickTime video"),
    (rb".{4}ftyp", "an MP4 video"),
    (rb"RIFF....AVI ", "an AVI video"),
    (rb"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (rb"\0\0\x01[\xb3\xba]", "an MPEG video"),
    (rb"RIFF....WAVE|ID3|\xff[\xfb\xf3]|OggS|fLaC", "a sound file"),
    (rb"PK(\x03\x04|\x05\x06)", "a ZIP archive"),
    (rb"\x1f\x8b", "a gzip file"),
    (rb"7z\xbc\xaf\x27\x1c|Rar!|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd", "an archive"),
    (rb".{257}ustar", "a tar archive"),
    (rb"PAR1", "a Parquet table"),
    (rb"ARROW1", "an Arrow file"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"\x7fELF|MZ", "a program"),
    (rb"SQLite format 3", "a database"),
    (rb'\s*(\{\s*("|\})|\[\s*[\["{\d\]])', "JSON"),
)

HEAD = 4096
PICTURE_PATTERNS = [(re.compile(pattern, re.DOTALL), name) for pattern, name in PICTURES]
UNSUPPORTED_PATTERNS = [(re.compile(pattern, re.DOTALL), name) for pattern, name in UNSUPPORTED]
JPEG_START = b"\xff\xd8\xff"


def sniff(data: bytes) -> str:
    """The picture format of encoded bytes, by the name of Pillow's plug-in for it.

    Raises:
        PictureError: `empty` for no bytes, `unsupported_format` for real pictures that nothing here decodes,
            `not_an_image` for anything else, saying what it looks like.
    """
    if not data:
        raise PictureError(Reason.EMPTY, "zero bytes")
    if data.startswith(JPEG_START):
        return "JPEG"
    head = data[:HEAD]
    for pattern, name in UNSUPPORTED_PATTERNS:  # first: some raw formats begin as TIFF does
        if pattern.match(head):
            raise PictureError(Reason.UNSUPPORTED, f"{name} cannot be decoded here")
    for pattern, name in PICTURE_PATTERNS:
        if pattern.match(head):
            return name
    raise PictureError(Reason.NOT_AN_IMAGE, f"looks like {_guess(head)}")


def _guess(head: bytes) -> str:
    for pattern, name in OTHERS:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            return name
    if not head.strip(b"\0"):
        return "nothing but zero bytes"
    return "text" if _is_text(head) else "unknown data"


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(head) < HEAD or error.start < HEAD - 4:  # else the cut fell into a character
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\r\n\t\f\ufeff" for c in text)
