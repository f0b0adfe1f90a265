"""Makes probabilities honest: fitted against truth, per label and group, and written as a layer of their own."""

from __future__ import annotations

from curate.calibrate.run import CalibrateOptions, Calibration, apply, calibrate, load

__all__ = ["CalibrateOptions", "Calibration", "apply", "calibrate", "load"]
