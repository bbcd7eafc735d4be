"""What ``predict`` does with a request: checks it, chooses the pipeline, and writes the answers."""
