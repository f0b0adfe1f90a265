"""RAF-DB, basic expressions: a list of `train_00001.jpg 5` and a folder of aligned or original pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curate.importers.base import Found, Importer, Record, carried, lines, need
from schemas import TaxonomyError, UsageError
from schemas.coding import coding
from schemas.columns import labels

CODES = coding("raf-db")
LIST = ("EmoLabel/list_patition_label.txt", "basic/EmoLabel/list_patition_label.txt", "list_patition_label.txt")


class RafDb(Importer):
    """Seven expressions, counted from 1; the split is the beginning of the file's name."""

    name = "raf_db"
    doc = "RAF-DB's list of basic expressions, 1-7."
    files = "EmoLabel/list_patition_label.txt and Image/aligned/ or Image/original/"
    licence = "non-commercial research only, see the terms of RAF-DB"
    labelled_by = "about 40 annotators of RAF-DB per picture"

    def read(self, folder: Path, found: Found) -> None:
        """Every line of the list."""
        listing = need(folder, *LIST, what="RAF-DB's labels")
        root = listing.parent.parent if listing.parent.name == "EmoLabel" else folder
        pictures = need(root, "Image/aligned", "Image/original", what="RAF-DB's pictures")
        for number, (name, code) in lines(listing, 2):
            values: dict[str, Any] = {}
            try:
                label = CODES.decode(int(code) if code.isdecimal() else code)
            except TaxonomyError as error:
                raise UsageError(f"'{listing}' line {number}", str(error)) from None
            carried(values, labels.PERCEIVED_EMOTION, label, CODES.taxonomy_name, found)
            stem, dot, ending = name.rpartition(".")
            aligned = pictures / f"{stem}_aligned{dot}{ending}"
            place = aligned if pictures.name == "aligned" else pictures / name
            split = name.split("_")[0]
            found.records.append(Record(place, values, split=split if split in ("train", "test") else None))
