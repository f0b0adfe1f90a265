"""Review: people correct the machine in Label Studio, and their word comes home as layers."""
