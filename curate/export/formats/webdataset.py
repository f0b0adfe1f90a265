"""WebDataset: tar shards in which the files of a sample stand together under one key."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from curate.export.base import Exporter, Part, Plan
from curate.export.lines import with_records
from curate.export.plain import record_sample
from curate.export.sample import Sample
from curate.export.splits import shown
from curate.store.parts import replacing
from schemas import Column, Kind
from schemas.columns import labels


class WebDataset(Exporter):
    """`SPLIT-000000.tar`; in it KEY.jpg (or png, webp), KEY.json with labels, and KEY.txt where there is a caption.

    The files of a sample follow each other. Owner and time of all members are 0, so the same samples give the
    same bytes. JSON leaves out what is not known.
    """

    name = "webdataset"
    doc = "Tar shards with a picture, a JSON file of labels and the caption of each face."
    opened_by = "webdataset.WebDataset('train-{000000..000009}.tar')"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Only masks, which JSON has no bytes for."""
        return {c.name: "JSON holds no bytes" for c in columns if c.kind is Kind.MASK}

    def begin(self, folder: Path, plan: Plan) -> None:
        """Names of splits are part of file names."""
        self._splits = plan.splits

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """One tar file."""
        path = folder / f"{shown(part.split, self._splits)}-{part.number:06d}.tar"
        with (
            replacing(path) as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar,
        ):
            for sample, record in with_records(samples, part.columns):
                _add(tar, sample.file, sample.data)
                _add(tar, f"{sample.key}.json", record.encode())
                caption = sample.faces[0].labels.get(labels.CAPTION.name)
                if caption is not None:
                    _add(tar, f"{sample.key}.txt", caption.encode())
        yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Member by member."""
        for path in sorted(folder.glob("*.tar")):
            with tarfile.open(path) as tar:
                picture, suffix = b"", ""
                for member in tar:
                    key, dot, end = member.name.partition(".")
                    stream = tar.extractfile(member)
                    data = stream.read() if stream else b""
                    if end == "json":
                        yield record_sample(json.loads(data), key, picture, suffix)
                    elif end != "txt":
                        picture, suffix = data, dot + end


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(data), 0o644
    tar.addfile(about, io.BytesIO(data))
