"""What is found out about mail behind its delivery: summaries, labels and events that are suggested."""
