"""Rendering records for people; nothing is measured here and TensorFlow is not needed."""
