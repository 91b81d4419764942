"""MNIST and similar datasets as class folders."""
