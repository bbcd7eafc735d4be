"""What learning, fine-tuning and squeezing share."""
