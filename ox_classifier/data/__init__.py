"""Pixels and folders; knows no network."""
