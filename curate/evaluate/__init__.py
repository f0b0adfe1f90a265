"""Scores labels against truth: `curate.evaluate(dataset, truth)` gives an `Evaluation`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from curate.evaluate.evaluation import Evaluation
from curate.evaluate.options import EvaluateOptions
from curate.evaluate.run import evaluate

__all__ = ["EvaluateOptions", "Evaluation", "evaluate"]


class _Callable(ModuleType):
    """`curate.evaluate` is both this package and, as `curate.run` is, the function of that name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Evaluation:
        return evaluate(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
