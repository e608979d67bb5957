"""What is shown: a snapshot of the last turn, as sentences, as the status document, as metrics."""
