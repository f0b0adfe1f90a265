"""Measurements of accuracy, speed and memory; each module runs by itself and prints Markdown."""
