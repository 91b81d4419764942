"""Draws O and X marks of many hands, pens, papers and cameras; no other room imports it."""
