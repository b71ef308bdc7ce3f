"""What commands share: options, progress, output, exit codes."""
