"""The report: one HTML page that shows a dataset to people."""

from curate.report.options import ReportOptions
from curate.report.page import write_report

__all__ = ["ReportOptions", "write_report"]
