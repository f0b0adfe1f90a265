"""Scores labels against truth: `curate.evaluate(dataset, truth)` gives an `Evaluation`."""

from __future__ import annotations

from curate.evaluation.evaluation import Evaluation
from curate.evaluation.options import EvaluateOptions
from curate.evaluation.run import evaluate

__all__ = ["EvaluateOptions", "Evaluation", "evaluate"]
