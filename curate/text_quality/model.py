"""A vision-language model of the user's as the writer of a dataset's descriptions, with the face in view."""

from __future__ import annotations

from annotators.adapters.minors import may_be_minor
from annotators.adapters.vlm import CaptionVlm, VlmConfig
from annotators.adapters.vlm_endpoint import Endpoint, EndpointSettings
from annotators.crops import BoxCrop, Pixels, warp
from curate.ingest import load
from curate.store import Dataset
from curate.store.view import FaceView
from curate.text_quality.texts import Known
from curate.text_quality.writers import ModelWriter
from schemas import DatasetError
from schemas.columns import faces, images, labels
from schemas.columns import sources as src


class FacePictures:
    """Crops of a dataset's faces with some surroundings.

    Args:
        dataset: The dataset.
        crop: How they are cut.

    Attributes:
        withheld: Faces in pictures in which anybody may be a minor, or is of unknown age.
    """

    def __init__(self, dataset: Dataset, crop: BoxCrop) -> None:
        self._crop = crop
        view = FaceView(dataset)
        here = set(view.columns())
        wanted = [
            faces.FACE_ID,
            faces.IMAGE_ID,
            *faces.BOX,
            *([labels.AGE_PROB] if labels.AGE_PROB.name in here else []),
        ]
        rows = [Known({c: r[c.name] for c in wanted}) for t in view.stream(wanted) for r in t.to_pylist()]
        barred = {r[faces.IMAGE_ID] for r in rows if may_be_minor(r)}
        self._rows = {r[faces.FACE_ID]: r for r in rows}
        self.withheld = frozenset(k for k, r in self._rows.items() if r[faces.IMAGE_ID] in barred)
        about = dataset.images([images.IMAGE_ID, images.URI, images.MEMBER]).to_pylist()
        self._sources = {
            a[images.IMAGE_ID.name]: {src.URI.name: a[images.URI.name], src.MEMBER.name: a[images.MEMBER.name]}
            for a in about
        }

    def __call__(self, face: str) -> Pixels:
        """The crop of a face, RGB.

        Raises:
            DatasetError: if its picture cannot be read any more.
        """
        row = self._rows[face]
        source = self._sources[row[faces.IMAGE_ID]]
        pixels = load(source).pixels
        if pixels is None:
            raise DatasetError(f"cannot read the picture {source[src.URI.name]}")
        return warp(pixels, self._crop.matrix(row), self._crop.size)


def endpoint_writer(dataset: Dataset, config: VlmConfig) -> tuple[ModelWriter, frozenset[str]]:
    """A model at an OpenAI-compatible endpoint, as `caption_vlm` uses it.

    Args:
        dataset: Whose faces it sees.
        config: Address, model, and whether pictures may leave this machine.

    Returns:
        The writer, and faces that it must not see: where pictures leave this machine, those of possible minors.

    Raises:
        UsageError: if the settings do not fit each other or pictures would leave this machine unasked.
        MissingExtraError: if a library is missing.
    """
    CaptionVlm.preflight(config)
    asked = EndpointSettings(
        config.base_url, config.model, config.key_variable, "none", config.max_tokens, config.timeout, config.attempts
    )
    pictures = FacePictures(dataset, BoxCrop(config.size, config.margin))
    withheld = pictures.withheld if config.remote else frozenset()
    return ModelWriter(Endpoint(asked, {}), pictures), withheld
