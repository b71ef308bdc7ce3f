"""Pipelines of diffusers: folders, single files, tokenizers."""
