"""Text-to-image models: sampling, a judge, comparison, probes."""
