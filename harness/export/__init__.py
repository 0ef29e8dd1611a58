"""A trained cell as one Keras file that needs nothing of this package, and the use of such a file."""
