"""The Delta tables of a lake: their columns, where they are, who commits to them, what is recorded of each command."""
