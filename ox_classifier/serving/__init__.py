"""A classifier asked over HTTP: by programs, and by people on a page to draw and drop pictures on; stores nothing."""
