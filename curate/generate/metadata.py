"""Pictures that say in themselves that they are synthetic, and what they were made from.

The IPTC's property `Iptc4xmpExt:DigitalSourceType` holds the address of a concept of its vocabulary, as the IPTC Photo
Metadata Standard asks of synthetic media; the rest stands in a namespace of our own. The packet holds ids, labels and
numbers, nothing of the photograph's metadata (no position, no name, no camera) and no path of this machine.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image, PngImagePlugin

from annotators.crops import Pixels
from curate import __version__
from curate.generate.lineage import Lineage, compact
from curate.generators.provenance import DigitalSource
from schemas import UnknownNameError
from schemas.columns import images

FORMATS = {"png": "png", "jpeg": "jpg", "webp": "webp"}
"""Format -> suffix of its files."""
JPEG_QUALITY, WEBP_QUALITY = 95, 92
LONGEST = 60_000
"""Most bytes of a packet: JPEG holds 65,502 in its segment. Longer parameters stand in the dataset alone."""

NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "facecurate": "https://facecurate.invalid/ns/generation/1.0/",
}
"""Ours is a name and no page: `.invalid` is reserved (RFC 2606) and never leads anywhere."""
KEYWORD = "XML:com.adobe.xmp"
"""Of the PNG chunk that holds XMP."""
_PATH = re.compile(r"""(^|[\s='":,])(?:~?/|[A-Za-z]:\\|\\\\|file://)[^\s'"]*""")
"""A path that begins at a root, a home or a drive; the name of a model on a hub begins with none of these."""
_HEAD, _TAIL = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>', '<?xpacket end="r"?>'


def check_format(form: str) -> str:
    """The format, if pictures can be written in it.

    Raises:
        UnknownNameError: if they cannot.
    """
    if form not in FORMATS:
        raise UnknownNameError("picture format", form, FORMATS)
    return form


def encode(pixels: Pixels, lineage: Lineage, form: str) -> bytes:
    """A picture file with its metadata.

    Args:
        pixels: RGB, shape (height, width, 3).
        lineage: Where it comes from.
        form: `png`, `jpeg` or `webp`.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    text, buffer = packet(lineage), io.BytesIO()
    if form == "png":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt(KEYWORD, text.decode("utf-8"))
        picture.save(buffer, "PNG", pnginfo=chunks)
    elif form == "jpeg":
        picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, xmp=text)
    else:
        picture.save(buffer, "WEBP", quality=WEBP_QUALITY, method=4, xmp=text)
    return buffer.getvalue()


def packet(lineage: Lineage) -> bytes:
    """The XMP packet of a picture."""
    columns = lineage.columns()
    columns[images.GENERATION.name] = compact(public(json.loads(columns[images.GENERATION.name])))
    data = _packet(lineage, columns)
    if len(data) > LONGEST:
        data = _packet(lineage, {k: v for k, v in columns.items() if k != images.GENERATION.name})
    return data


def public(data: Any) -> Any:
    """Plain data without paths of this machine, which may hold a person's name."""
    if isinstance(data, Mapping):
        return {k: public(v) for k, v in data.items()}
    if isinstance(data, list):
        return [public(v) for v in data]
    return _PATH.sub(r"\1[path]", data) if isinstance(data, str) else data


def _packet(lineage: Lineage, columns: Mapping[str, Any]) -> bytes:
    for prefix, address in NAMESPACES.items():
        ElementTree.register_namespace(prefix, address)
    root = ElementTree.Element(_name("rdf", "RDF"))
    about = ElementTree.SubElement(root, _name("rdf", "Description"), {_name("rdf", "about"): ""})
    _add(about, "xmp", "CreatorTool", f"facecurate {__version__}")
    _add(about, "Iptc4xmpExt", "DigitalSourceType", DigitalSource(lineage.digital_source).uri)
    for name, value in columns.items():
        if value is not None:
            _add(about, "facecurate", name, value if isinstance(value, str) else compact(value))
    body = ElementTree.tostring(root, encoding="unicode")
    return f'{_HEAD}<x:xmpmeta xmlns:x="adobe:ns:meta/">{body}</x:xmpmeta>{_TAIL}'.encode()


def _name(prefix: str, local: str) -> str:
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _add(parent: ElementTree.Element, prefix: str, local: str, text: str) -> None:
    ElementTree.SubElement(parent, _name(prefix, local)).text = text


def read_metadata(data: bytes) -> dict[str, Any]:
    """What a file says of itself: `digital_source` and the lineage columns; empty where it says nothing.

    Args:
        data: A PNG, JPEG or WebP file.
    """
    with Image.open(io.BytesIO(data)) as picture:
        text = picture.info.get("xmp") or picture.info.get(KEYWORD) or b""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    start, end = text.find("<x:xmpmeta"), text.rfind("</x:xmpmeta>")
    if start < 0 or end < 0:
        return {}
    found: dict[str, Any] = {}
    ours = "{" + NAMESPACES["facecurate"] + "}"
    for element in ElementTree.fromstring(text[start : end + len("</x:xmpmeta>")]).iter():
        if element.tag == _name("Iptc4xmpExt", "DigitalSourceType"):
            found["digital_source"] = element.text
        elif element.tag.startswith(ours):
            name = element.tag.removeprefix(ours)
            is_text = name in images.IMAGES and str(images.IMAGES[name].type) == "string"
            found[name] = element.text if is_text else json.loads(element.text or "null")
    return found
