"""What happened, told to others: the feed is followed, webhooks are sent."""
