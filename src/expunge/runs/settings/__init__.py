"""Settings: one request on one kind of model, from data to judge."""
