"""Train, judge and use a classifier of hand-drawn O and X marks, or of any small folder of image classes."""

__version__ = "0.1.0"
