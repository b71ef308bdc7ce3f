"""Where data come from: folders, tables, the hub, factories."""
