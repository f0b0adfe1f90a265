# ruff: noqa: F403, I001 - the order of the modules is the order of the docs
"""Columns of the label layers, grouped by what they describe.

Left and right always mean the subject's own side. Every struct names its fields by the taxonomy it
gives, so a value can never be read in another tool's order.
"""

from __future__ import annotations

from schemas.columns.labels.layer import *
from schemas.columns.labels.second_opinion import *
from schemas.columns.labels.landmarks import *
from schemas.columns.labels.pose import *
from schemas.columns.labels.expression import *
from schemas.columns.labels.shape import *
from schemas.columns.labels.demographics import *
from schemas.columns.labels.identity import *
from schemas.columns.labels.parsing import *
from schemas.columns.labels.quality import *
from schemas.columns.labels.occlusion import *
from schemas.columns.labels.clip import *
from schemas.columns.labels.caption import *
from schemas.columns.labels.text import *
from schemas.columns.labels.stability import *
from schemas.columns.labels.review import *
from schemas.columns.labels.consistency import *
from schemas.columns.labels.fusion import *
from schemas.columns.labels.generation import *
from schemas.columns.labels.balance import *
from schemas.columns.labels.selection import *
from schemas.columns.labels.vlm import *
