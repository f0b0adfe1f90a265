"""Styles of the pages that load nothing, and the policy that lets only these in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources

from markupsafe import Markup


def styled(sheets: Sequence[tuple[str, str]], pictures: bool = False) -> dict[str, str]:
    """`style` and `policy` for the head of a page's template.

    Args:
        sheets: Package and name of each style sheet in its `template` folder, the more particular last.
        pictures: The page holds pictures, as data addresses.
    """
    style = "".join(resources.files(package).joinpath("template", name).read_text("utf-8") for package, name in sheets)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    images = "img-src data:; " if pictures else ""
    policy = f"default-src 'none'; {images}base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
    return {"style": Markup(style), "policy": policy}
