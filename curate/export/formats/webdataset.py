"""WebDataset: tar shards in which the files of a sample stand together under one key."""

from __future__ import annotations

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
        with replacing(path) as file:
            for sample, record in with_records(samples, part.columns):
                file.writelines(member(sample.file, sample.data))
                file.writelines(member(f"{sample.key}.json", record.encode()))
                caption = sample.faces[0].labels.get(labels.CAPTION.name)
                if caption is not None:
                    file.writelines(member(f"{sample.key}.txt", caption.encode()))
            file.write(bytes(2 * tarfile.BLOCKSIZE + -(file.tell() + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE))
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


def member(name: str, data: bytes) -> tuple[bytes, bytes, bytes]:
    """Head, content and padding of a member, as `tarfile` writes a USTAR file of mode 644, owner 0 and time 0.

    Args:
        name: At most 100 ASCII letters.
        data: Less than 8 GiB.
    """
    text, size = name.encode("ascii"), b"%011o" % len(data)
    head = bytearray(HEAD)
    head[: len(text)], head[124:135] = text, size
    head[148:155] = b"%06o\0" % (HEAD_SUM + sum(text) + sum(size))
    return bytes(head), data, bytes(-len(data) % tarfile.BLOCKSIZE)


def _head() -> bytes:
    """The head of a member without name, size and checksum."""
    about = tarfile.TarInfo("")
    about.mode = 0o644
    head = bytearray(about.tobuf(tarfile.USTAR_FORMAT))
    head[124:135] = bytes(11)
    head[148:156] = b" " * 8
    return bytes(head)


HEAD = _head()
HEAD_SUM = sum(HEAD)
