"""Time per step and memory, measured apart from accuracy."""
