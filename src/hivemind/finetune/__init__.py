"""Fine-tuning data in and out: rows become evidence for candidates, graded work becomes training files."""
