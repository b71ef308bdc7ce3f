"""Text that comes with a request: prompts."""
