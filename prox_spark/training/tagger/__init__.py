"""The recipe of the tagger: labelled pages in, the weights that ship out."""
