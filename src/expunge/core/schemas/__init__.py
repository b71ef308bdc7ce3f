"""What is written down: requests, records, results of benches, and their strict bases."""
