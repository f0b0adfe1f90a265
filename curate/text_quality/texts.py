"""Texts about faces with what is known of each face: a dataset's captions, or the files of an export."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotators.caption import CaptionWriter
from curate.ingest.lists import LIST_SUFFIXES, text_columns
from curate.measures.summary import GROUPS
from curate.store import Dataset
from curate.store.info import INFO_FILE
from curate.store.view import FaceView
from schemas import REGISTRY, Column, UsageError
from schemas.columns import faces, images, labels

CAPTION, ANSWER, REASONED = "caption", "answer", "reasoned"
"""What a text is: a free description, the answer to a question, or reasons from action units to an emotion."""
CAPTION_KEYS = (labels.CAPTION.name, "face_caption", "text", "prompt", "additional_feature", "vqa_llva", "suffix")
"""Names under which training lists keep a description."""
NAMES = ("id", faces.FACE_ID.name, "image", "file_name", "image_file", "url")
LISTS = (".json", *sorted(LIST_SUFFIXES))
NOT_LISTS = frozenset({"facecurate-export.json", "croissant.json", "dataset_info.json"})
REST = "rest"
READ = (*CaptionWriter.requires, labels.EYEWEAR, labels.CAPTION_FACTS)
"""Columns that claims are judged by."""


class Known(dict[Column, Any]):
    """Labels of a face by column; None for a column that is not known."""

    def __missing__(self, key: Column) -> None:
        return None


@dataclass(frozen=True)
class Text:
    """One text.

    Attributes:
        key: Of the face or record it is about.
        kind: `caption`, `answer` or `reasoned`.
        words: The text.
        question: What it answers, or empty.
        values: Labels of the face; empty where none are known.
        units: Action units that a reasoned text must cite.
        emotion: The emotion that it must answer with, as FEA-20K spells it.
    """

    key: str
    kind: str
    words: str
    question: str = ""
    values: Mapping[Column, Any] = field(default_factory=Known)
    units: tuple[str, ...] = ()
    emotion: str = ""


@dataclass(frozen=True)
class Texts:
    """All texts of a source.

    Attributes:
        name: What the user named.
        rows: In the order of the source.
        labelled: Labels of the faces are known, so that claims can be judged.
        without: Records or faces that have no text.
    """

    name: str
    rows: list[Text]
    labelled: bool
    without: int = 0


def read_texts(source: Path, dataset: Path | None = None) -> Texts:
    """Read the texts of a dataset, an export's folder or a list.

    Args:
        source: A dataset; a folder with JSON, JSONL, CSV or Parquet lists as `export` writes them; or one such file.
        dataset: Dataset whose labels judge an export that holds none; joined by face.

    Raises:
        UsageError: if there are no texts, or a file cannot be read.
    """
    if (source / INFO_FILE).is_file():
        return _of_dataset(Dataset.open(source), source.name)
    known = {} if dataset is None else labels_by_key(Dataset.open(dataset))
    rows: list[Text] = []
    without = 0
    for file in _lists(source):
        for record in _records(file):
            found = list(_of_record(record, known))
            rows += found
            without += not found
    if not rows:
        raise UsageError(f"{source} has no texts", f"looked for {', '.join(CAPTION_KEYS)}, conversations, description")
    return Texts(source.name, rows, any(r.values for r in rows), without)


def _of_dataset(dataset: Dataset, name: str) -> Texts:
    view = FaceView(dataset)
    here = set(view.columns())
    texts = [c for c in (labels.CAPTION, labels.REASONED) if c.name in here]
    if not texts:
        raise UsageError(f"{name} has no captions", fix=f"Run: facecurate annotate {dataset.path} -a caption")
    rows, without = [], 0
    for values in _faces(view, here, texts):
        key = values[faces.FACE_ID]
        for column in texts:
            if not values[column]:
                without += column is labels.CAPTION
            elif column is labels.CAPTION:
                rows.append(Text(key, CAPTION, values[column], values=values))
            else:
                emotion = values[labels.PERCEIVED_EMOTION] or ""
                units = tuple(units_of(values) or ())
                rows.append(Text(key, REASONED, values[column], "", values, units, emotion.capitalize()))
    return Texts(name, rows, True, without)


def _faces(view: FaceView, here: set[str], more: list[Column]) -> Iterator[Known]:
    wanted = (faces.FACE_ID, *READ, *GROUPS, labels.AU_INTENSITY, *more)
    columns = list(dict.fromkeys(c for c in wanted if c.name in here))
    for table in view.stream(columns):
        for row in table.to_pylist():
            yield Known({c: row[c.name] for c in columns})


def units_of(values: Mapping[Column, Any]) -> list[str] | None:
    """Active action units of a face, as the export fea_jsonl takes them; None where none can be judged."""
    from curate.export.formats.fea_jsonl import FeaConfig, active_units
    from curate.export.questions import ACTIVE

    if values[labels.AU_INTENSITY] is not None:
        return active_units(values[labels.AU_INTENSITY], FeaConfig().least)
    return active_units(values[labels.AU_SCORE], ACTIVE)


def labels_by_key(dataset: Dataset) -> dict[str, Known]:
    """Labels of each face, by its id and by the name that exports give its record.

    An export numbers the faces of a picture that it holds, so names of pictures with several faces may mean another
    face than here: those are not joined, and their claims stay unjudged.
    """
    from curate.export.index import PREFIX
    from curate.export.questions import tasks

    view = FaceView(dataset)
    asked = [t.column for t in tasks().values()]
    by_picture: dict[str, list[Known]] = {}
    for values in _faces(view, set(view.columns()), asked):
        by_picture.setdefault(str(values[faces.FACE_ID]).rpartition(".")[0], []).append(values)
    heads = Counter(i[:PREFIX] for i in by_picture)
    found: dict[str, Known] = {}
    for image, several in by_picture.items():
        found.update({v[faces.FACE_ID]: v for v in several})
        if len(several) == 1:
            found[f"{image[:PREFIX] if heads[image[:PREFIX]] == 1 else image}_0"] = several[0]
    return found


def _lists(source: Path) -> list[Path]:
    if source.is_file():
        if source.suffix.lower() not in LISTS:
            raise UsageError(
                f"{source} is no list", fix=f"Give a dataset, a folder of an export, or {', '.join(LISTS)}"
            )
        return [source]
    if not source.is_dir():
        raise UsageError(f"there is no {source}", fix="Give a dataset, a folder of an export, or a list")
    found = sorted(p for p in source.rglob("*") if p.suffix.lower() in LISTS and p.name not in NOT_LISTS)
    return [p for p in found if REST not in p.relative_to(source).parts and not p.name.startswith(".")]


def _records(file: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if file.suffix.lower() == ".parquet":
            with pq.ParquetFile(file) as parquet:
                names = [n for n in parquet.schema_arrow.names if n in REGISTRY or n in (*NAMES, *CAPTION_KEYS)]
                for batch in parquet.iter_batches(512, columns=names):
                    yield from batch.to_pylist()
        elif file.suffix.lower() == ".json":
            read = json.loads(file.read_text("utf-8"))
            yield from (r for r in (read if isinstance(read, list) else [read]) if isinstance(r, dict))
        elif file.suffix.lower() == ".jsonl":
            with file.open(encoding="utf-8") as lines:
                yield from (json.loads(line) for line in lines if line.strip())
        else:
            table = text_columns(str(file))
            yield from (dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True))
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise UsageError(f"cannot read {file}", str(error)) from error


def _of_record(record: Mapping[str, Any], known: Mapping[str, Known]) -> Iterator[Text]:
    key = _key(record)
    values = known.get(key) or known.get(Path(key).stem) or _values(record)
    if "conversations" in record:
        for question, answer in _turns(record["conversations"]):
            yield Text(key, ANSWER, answer, question, values)
    elif "prefix" in record and "suffix" in record:
        yield Text(key, ANSWER, str(record["suffix"]), str(record["prefix"]), values)
    elif "description" in record and "AUs" in record:
        if record["description"]:
            emotion = ", ".join(record.get("labels") or ())
            yield Text(key, REASONED, record["description"], str(record.get("question", "")), values,
                       tuple(record["AUs"]), emotion)  # fmt: skip
    else:
        words = next((record[k] for k in CAPTION_KEYS if isinstance(record.get(k), str) and record[k].strip()), None)
        if words is not None:
            yield Text(key, CAPTION, words, "", values)


def _key(record: Mapping[str, Any]) -> str:
    found = next((record[n] for n in NAMES if record.get(n)), "")
    return str(found[0] if isinstance(found, list) and found else found)


def _values(record: Mapping[str, Any]) -> Known:
    """Labels that stand in the record itself, or in its `meta_info`."""
    told = {**record, **(record.get("meta_info") or {})}
    skipped = {labels.CAPTION.name, images.NAME.name, images.SPLIT.name, faces.FACE_ID.name}
    found = {REGISTRY[n]: v for n, v in told.items() if n in REGISTRY and n not in skipped and REGISTRY[n] in _JUDGING}
    return Known({c: _parsed(v) for c, v in found.items()})


_JUDGING = frozenset((*READ, *GROUPS, labels.AU_INTENSITY))


def _parsed(value: Any) -> Any:
    """A value of a CSV cell: JSON where it is JSON."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return json.loads(value)
    except ValueError:
        return value


def _turns(conversation: Any) -> Iterator[tuple[str, str]]:
    """Questions and answers of a LLaVA or ShareGPT conversation."""
    question = ""
    for turn in conversation:
        words = str(turn.get("value", turn.get("content", "")))
        if turn.get("from", turn.get("role")) in ("human", "user"):
            question = words.replace("<image>", "").strip()
        elif turn.get("from", turn.get("role")) in ("gpt", "assistant"):
            yield question, words.strip()
