"""MNIST and its kin, from wherever they lie, as class folders."""
