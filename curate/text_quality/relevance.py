"""How well captions fit their pictures by CLIP, where its embeddings and weights are on this machine.

J. Hessel et al., "CLIPScore: a reference-free evaluation metric for image captioning", 2021, without its factor 2.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from curate.engine.settings import rebuild
from curate.store import Dataset, LayerInfo
from curate.store.info import INFO_FILE
from curate.store.view import FaceView
from curate.text_quality.texts import CAPTION, Text
from schemas import FacecurateError
from schemas.columns import faces, labels

Relevance = tuple[dict[int, float], str]
"""Row of a text -> cosine with its picture; and why there are none, or empty."""


def relevance(texts: Sequence[Text], source: Path) -> Relevance:
    """Cosines of captions with their faces.

    The pictures' embeddings are those of the dataset's layer of the annotator `clip`; the same model embeds the texts.

    Args:
        texts: All texts.
        source: What the user named.
    """
    if not (source / INFO_FILE).is_file():
        return {}, "only captions of a dataset are compared with their pictures"
    dataset = Dataset.open(source)
    layer = next((i for i in dataset.layers() if labels.EMBEDDING_CLIP.name in i.columns), None)
    if layer is None:
        return {}, "the dataset has no CLIP embeddings; facecurate annotate DATASET -a clip gives them"
    rows = [i for i, t in enumerate(texts) if t.kind == CAPTION]
    try:
        words = _embedded([texts[i].words for i in rows], layer)
    except FacecurateError as error:
        return {}, str(error)
    pictures = _pictures(dataset, layer.name)
    cosines = {
        i: float(np.asarray(pictures[texts[i].key], np.float64) @ w)
        for i, w in zip(rows, words, strict=True)
        if texts[i].key in pictures
    }
    return cosines, "" if cosines else "no captioned face has an embedding"


def _embedded(words: list[str], layer: LayerInfo) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    from annotators.adapters.clip_checkpoint import ClipConfig
    from annotators.adapters.clip_network import Loader
    from annotators.weights import ModelStore

    config = rebuild(ClipConfig, layer.config)
    assert isinstance(config, ClipConfig)
    network = ModelStore().shared(Loader(config.source))
    return np.asarray(network.texts(words) if words else np.zeros((0, 1)), np.float64)


def _pictures(dataset: Dataset, layer: str) -> Mapping[str, Sequence[float]]:
    table = FaceView(dataset, [layer]).table([faces.FACE_ID.name, labels.EMBEDDING_CLIP.name])
    ids, vectors = (table.column(c.name).to_pylist() for c in (faces.FACE_ID, labels.EMBEDDING_CLIP))
    return {face: v for face, v in zip(ids, vectors, strict=True) if v is not None}
