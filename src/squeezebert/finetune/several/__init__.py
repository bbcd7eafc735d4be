"""Several tasks learnt at once by one encoder."""
