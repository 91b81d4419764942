"""Pixels in, probabilities out; knows no folder."""
