"""One format a file. A new exporter is one new file here, or an entry point of group `facecurate.exporters`."""
