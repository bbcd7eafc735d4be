"""Reading data: labelled examples and unlabelled text."""
