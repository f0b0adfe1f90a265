"""Measures of agreement between labels and truth, in numpy alone.

Conventions of every module:

* Cases come as arrays of one length n. Nulls are dropped by the caller, who knows what n means.
* `weight` is None, (n,) counts of the cases, or (rounds, n) counts: one resample a row. A measure gives a number,
  or one number a row, so a whole bootstrap is a few calls (see `curate.evaluation.intervals`).
* What is not defined (no case, no class, no spread) is NaN; nothing is raised and nothing warns.
"""
