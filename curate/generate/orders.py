"""One request as plain data that can be sent to any process, and the pictures that come of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from annotators.crops import Pixels
from annotators.weights import ModelStore
from curate.generate.choice import Chosen, revive
from curate.generate.face_rows import Portraits, Values
from curate.generate.lineage import Lineage, compact, json_safe, seed_of, stem_of
from curate.generators.base import Generator, Request
from curate.generators.subject import SIDE
from schemas import SchemaError
from schemas.columns import faces


@dataclass(frozen=True)
class Frame:
    """What all pictures of a run have in common.

    Attributes:
        side: Side of a picture in pixels.
        form: File format.
        seed: Of the run.
        run: Its id.
        extra: Further facts for the lineage.
    """

    side: int = SIDE
    form: str = "png"
    seed: int = 0
    run: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """One request.

    Attributes:
        generator: Name.
        version: Version.
        settings: Its settings as plain data.
        number: Number of the request among those for this face and these settings.
        frame: See `Frame`.
        face_id: The subject, empty where there is none.
        partner_id: The second face, empty where there is none.
        face: Row of the subject, once it has been read.
        partner: Row of the second face, once it has been read.
        wanted: Column -> label that the picture should have.
        row: Row of a prompt grid.
    """

    generator: str
    version: str
    settings: Mapping[str, Any]
    number: int
    frame: Frame
    face_id: str = ""
    partner_id: str = ""
    face: Values | None = None
    partner: Values | None = None
    wanted: Mapping[str, str] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """Seed of the parameters."""
        goal = [dict(self.wanted), dict(self.row)] if self.wanted or self.row else []
        label = f"{self.generator}/{self.version}"
        return seed_of(label, self.settings, self.face_id, self.number, self.frame.seed, *goal)

    @property
    def stem(self) -> str:
        """Name of its files, without step and suffix."""
        return stem_of(self.seed, self.frame.side, self.frame.form)


def order_for(chosen: Chosen, frame: Frame, number: int, **rest: Any) -> Order:
    """An order for a generator; `rest` are further fields of `Order`."""
    settings = chosen.config.as_dict()
    return Order(chosen.cls.name, chosen.cls.version, settings, number, frame, **rest)


class Maker:
    """Holds the loaded generators of one process."""

    def __init__(self) -> None:
        self._models = ModelStore()
        self._ready: dict[str, Generator] = {}
        self.portraits = Portraits()

    def generator(self, name: str, settings: Mapping[str, Any]) -> Generator:
        """A generator that is set up."""
        key = f"{name} {compact(json_safe(settings))}"
        if key not in self._ready:
            made = revive(name, settings)
            made.setup(self._models)
            self._ready[key] = made
        return self._ready[key]

    def request(self, order: Order) -> Request:
        """The request of an order, its portraits cut.

        Raises:
            CannotGenerate: if a picture cannot be read.
        """
        side = order.frame.side
        cut = self.portraits.subject
        return Request(
            subject=cut(order.face, side) if order.face else None,
            partner=cut(order.partner, side) if order.partner else None,
            wanted=order.wanted,
            row=order.row,
        )

    def pictures(self, order: Order) -> list[tuple[Pixels, Lineage]]:
        """The pictures of an order with their lineage.

        Raises:
            CannotGenerate: if the face does not allow the change.
        """
        with threadpool_limits(limits=1):
            worker = self.generator(order.generator, order.settings)
            request = self.request(order)
            drawn = worker.draw(request, np.random.default_rng(order.seed))
            parameters = json.loads(compact(drawn))
            made = list(worker.make(request, parameters))
        if not made:
            raise SchemaError(f"generator '{order.generator}' gave no picture")
        parent = str(order.face[faces.IMAGE_ID.name]) if order.face else ""
        return [
            (
                one.pixels,
                Lineage(
                    generator=f"{order.generator}/{order.version}",
                    parent=parent,
                    parent_face=order.face_id,
                    partner_face=order.partner_id,
                    seed=order.seed,
                    parameters=parameters,
                    promise=one.promise,
                    step=one.step,
                    steps=len(made),
                    note=json.loads(compact(dict(one.note))),
                    settings=json_safe(order.settings),
                    wanted=dict(order.wanted),
                    row=dict(order.row),
                    side=order.frame.side,
                    digital_source=type(worker).source_type().value,
                    run=order.frame.run,
                    extra=dict(order.frame.extra),
                ),
            )
            for one in made
        ]
