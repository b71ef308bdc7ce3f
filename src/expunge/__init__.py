"""Machine unlearning for PyTorch: Scissorhands, its rivals, and audits."""
