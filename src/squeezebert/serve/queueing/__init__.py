"""Who computes next, and where requests wait meanwhile."""
