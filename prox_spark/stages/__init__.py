"""The stages of the line, one module each: frame in, frame out."""
