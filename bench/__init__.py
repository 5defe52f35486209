"""Side by side: this server, Postfix as it comes, and the bare libraries."""
