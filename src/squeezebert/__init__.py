"""SqueezeBERT: text understanding, small and fast enough to run anywhere."""
