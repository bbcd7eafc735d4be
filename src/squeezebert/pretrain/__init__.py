"""Learning from raw text by guessing masked words: adapting an encoder, or beginning one."""
