"""A data folder and a network's name in, a run out."""
