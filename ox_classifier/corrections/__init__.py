"""Labels that a reader of a report found wrong: carried into the data folder, and taken back; knows no network."""
