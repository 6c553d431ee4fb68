"""What can be asked of a lake's past, and done about it: tags, differences, verifying, restoring, forgetting, upkeep."""
