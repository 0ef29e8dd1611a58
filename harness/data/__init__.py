"""Images in: sources, the manifest, the decoded-pixel cache, and batches for training."""
