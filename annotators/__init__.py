"""Pixels in, columns out: detectors and annotators, their crops and their model files."""
