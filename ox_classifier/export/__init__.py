"""A run → a folder that programs without ox can use, proved to answer as the run does."""
