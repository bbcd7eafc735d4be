"""Programs that measure a server: `load`, `overload`, `faults`; each ends in JSON."""
