"""One module per dataset or layout that can be imported."""
