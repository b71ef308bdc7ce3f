"""Denoisers as a task: noise, conditions, adapters, guidance."""
