"""Fine-tuning an encoder for a task, with or without a teacher."""
