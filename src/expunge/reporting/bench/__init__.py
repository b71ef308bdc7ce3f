"""Many results as tables, charts and a leaderboard."""
