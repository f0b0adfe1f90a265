"""Who is in a dataset, whom its labels fail, and what its figures can and cannot show.

`audit(dataset, AuditOptions(...))` gives an `Audit`; `Audit.save` writes it as JSON and as a page.
"""

from curate.audit.options import AuditOptions
from curate.audit.results import Audit, read_audit
from curate.audit.run import audit

__all__ = ["Audit", "AuditOptions", "audit", "read_audit"]
