"""From a BERT-family teacher to a SqueezeBERT: first weights, then distillation."""
