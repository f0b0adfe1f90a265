"""The `facecurate` command. Commands import what they need when they run, so `--help` stays quick."""
