"""What a generator is: it draws parameters from a seed, makes pictures from them, and promises what changes.

A picture follows from its request and its parameters alone, so whoever stored the parameters can make it
again, to the bit. A generator never judges its own work: `fill` asks verifiers that it did not look at.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config
from annotators.crops import Pixels
from curate.generators.promise import Promise
from curate.generators.provenance import DigitalSource
from schemas import Column, SchemaError

if TYPE_CHECKING:
    from annotators.weights import ModelStore
    from curate.generators.subject import Subject

Parameters = Mapping[str, Any]
"""Plain JSON data: numbers, texts, flags, lists and objects."""
Mask = NDArray[np.uint8]


class CannotGenerate(Exception):  # noqa: N818 - an answer, not an error
    """Raised by `draw` or `make` where a face does not allow the change; the text becomes the reason."""


@dataclass(frozen=True)
class Request:
    """What a picture is made from.

    Attributes:
        subject: The face to change; None for generators that make faces from words.
        partner: A second face, of another person, for generators that mix two.
        wanted: Column name -> label that the result should have (a cell of a plan); empty if anything goes.
        row: A row of a prompt grid, as plain data, where a generator works one off; empty otherwise.
    """

    subject: Subject | None = None
    partner: Subject | None = None
    wanted: Mapping[str, str] = field(default_factory=dict)
    row: Parameters = field(default_factory=dict)

    def face(self) -> Subject:
        """The subject.

        Raises:
            CannotGenerate: if there is none.
        """
        if self.subject is None:
            raise CannotGenerate("no face to start from")
        return self.subject

    def other(self) -> Subject:
        """The partner.

        Raises:
            CannotGenerate: if there is none.
        """
        if self.partner is None:
            raise CannotGenerate("no second face to take from")
        return self.partner


@dataclass(frozen=True)
class Made:
    """A picture that was made.

    Attributes:
        pixels: RGB, shape (side, side, 3), in the frame of the subject's portrait where there is one.
        promise: What changed and what did not, to be verified.
        changed: 255 where pixels may differ from the subject's, 0 where they do not, soft in between; shape
            (side, side). None where the whole picture is new.
        step: Number within a clip or sheet, from 0, where one request makes several pictures.
        note: Facts about this picture that are not parameters, JSON (a mask's area, the phase of a clip).
    """

    pixels: Pixels
    promise: Promise
    changed: Mask | None = None
    step: int = 0
    note: Parameters = field(default_factory=dict)


class Generator(ABC):
    """Makes pictures of faces.

    Class attributes:
        name: Short name: the command line, the lineage and the docs use it.
        version: Raised whenever the same parameters could give another picture.
        doc: One sentence for the table of generators.
        requires: Label columns of the subject that it reads besides mesh, points and box.
        conditioners: Annotators whose answers the picture was made to satisfy, which therefore cannot verify it.
        takes_subject: It changes a face; False where it makes one from words.
        takes_partner: It needs a second face, of another person.
        weights: Names of model files it loads.
        config_type: Class of its settings; a subclass narrows `config` to it. Settings that are empty or NaN
            are drawn for each picture.
        shown: Settings of the pictures on its sheet in the docs.
        embedded: It works with its default settings and nothing but what is installed with the product.
        digital_source: What its pictures say of themselves in the IPTC's words; by default a composite with
            synthetic parts where it changes a face, and a trained model's work where it makes one.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    doc: ClassVar[str]
    requires: ClassVar[tuple[Column, ...]] = ()
    conditioners: ClassVar[tuple[str, ...]] = ()
    takes_subject: ClassVar[bool] = True
    takes_partner: ClassVar[bool] = False
    weights: ClassVar[tuple[str, ...]] = ()
    config_type: ClassVar[type[Config]] = Config
    shown: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    embedded: ClassVar[bool] = True
    digital_source: ClassVar[DigitalSource | None] = None

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if getattr(cls.make, "__isabstractmethod__", False):
            return
        for attribute in ("name", "version", "doc"):
            if not getattr(cls, attribute, None):
                raise SchemaError(f"generator {cls.__name__} declares no {attribute}")

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_type()

    @classmethod
    def source_type(cls) -> DigitalSource:
        """What its pictures are, by `digital_source` or the default."""
        usual = DigitalSource.COMPOSITE_SYNTHETIC if cls.takes_subject else DigitalSource.TRAINED
        return cls.digital_source or usual

    @classmethod  # noqa: B027 - most need nothing
    def preflight(cls, config: Config) -> None:
        """Make sure, before anything is written, that it can run here with these settings; loads nothing.

        Raises:
            MissingExtraError: if a library is absent.
            FacecurateError: if the settings cannot be carried out.
        """

    def setup(self, models: ModelStore) -> None:  # noqa: B027 - most need nothing
        """Load models and libraries; called once, before the first picture."""

    def requests(self, count: int, seed: int) -> Sequence[Request]:
        """What to make in a run that names no faces and no cells: the first `count` rows of a grid, say.

        Only for generators that take no subject.

        Args:
            count: Pictures wanted; 0 is all there are, where the generator knows an end.
            seed: Of the run.
        """
        return [Request()] * count

    @abstractmethod
    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """Complete parameters for one request: the settings, and whatever they leave open drawn from `rng`.

        Noise inside `make` must come from a seed among these parameters.

        Raises:
            CannotGenerate: if the face does not allow the change.
        """

    @abstractmethod
    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """The pictures of one request, one at least; the same for the same request and parameters.

        Raises:
            CannotGenerate: if the face does not allow the change.
        """

    def aim(self, have: Mapping[str, Any], wanted: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Settings under which a face with these labels becomes one with the wanted labels.

        The default serves generators that leave every label of a plan as it is: any face that is in the cell
        already will do.

        Args:
            have: Column name -> label of the subject.
            wanted: Column name -> label of the cell.

        Returns:
            Values for fields of the config that replace the user's, empty if none are needed; None where this
            generator cannot take such a face there.
        """
        return {} if all(have.get(name) == label for name, label in wanted.items()) else None


__all__ = ["CannotGenerate", "Config", "DigitalSource", "Generator", "Made", "Mask", "Parameters", "Request"]
