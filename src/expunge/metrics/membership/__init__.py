"""Membership inference attacks on per-sample scores."""
