"""The recipes that make a refining model, from labelled pages or from what a stronger model says of them."""
