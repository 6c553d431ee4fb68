"""What can be asked of a lake's past, and done about it: tag, diff, verify, restore, forget, maintain."""
