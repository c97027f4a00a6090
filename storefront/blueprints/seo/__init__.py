"""What crawlers read."""
