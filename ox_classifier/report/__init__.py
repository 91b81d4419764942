"""Predictions in, numbers and pictures out; knows no network."""
