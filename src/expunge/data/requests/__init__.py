"""From a request to positions in the training set."""
