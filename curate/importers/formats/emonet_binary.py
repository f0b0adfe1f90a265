"""EmoNet-Face Binary: what several people said of one emotion in one picture, yes or no."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from curate.importers.base import Found, Importer, Record, need, pictures_below, table
from schemas import TaxonomyError, UsageError, taxonomy
from schemas.columns import labels

EMOTIONS = taxonomy(labels.EMONET_SCORE.taxonomy)
SAID = {"true": 1.0, "false": 0.0}


class EmonetBinary(Importer):
    """The score of an emotion is the share of annotators who saw it; most by more than half is the label."""

    name = "emonet_binary"
    doc = "EmoNet-Face Binary's file of votes on forty emotions."
    files = "binary.csv with path, annotator, value, emotion, and the pictures it names (00000.jpg)"
    licence = "CC BY 4.0"
    labelled_by = "expert annotators of EmoNet-Face"

    def read(self, folder: Path, found: Found) -> None:
        """Every picture that has votes."""
        path = need(folder, "binary.csv", "data/binary.csv", what="EmoNet-Face's votes")
        votes: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for number, row in enumerate(table(path, ["path", "annotator", "value", "emotion"]), 2):
            try:
                emotion = EMOTIONS.canonical(row["emotion"])
                votes[row["path"]][emotion].append(SAID[row["value"].lower()])
            except (KeyError, TaxonomyError) as error:
                why = f"value is '{row['value']}'" if isinstance(error, KeyError) else str(error)
                raise UsageError(f"'{path}' line {number}", why) from None
        pictures = {p.stem: p for p in pictures_below(folder)}
        for name, told in votes.items():
            place = pictures.get(Path(name).stem, folder / name)
            shares = {emotion: sum(v) / len(v) for emotion, v in told.items()}
            values: dict[str, object] = {labels.EMONET_SCORE.name: dict.fromkeys(EMOTIONS.labels) | shares}
            best = max(shares.values())
            first = [emotion for emotion, share in shares.items() if share == best]
            if best > 0.5 and len(first) == 1:
                values[labels.EMONET_TOP.name] = first[0]
            found.records.append(Record(place, values, extra={"votes": {e: len(v) for e, v in told.items()}}))
