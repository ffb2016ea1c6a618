"""Procedural clips of one or two coloured shapes, with captions and exact ground truth."""
