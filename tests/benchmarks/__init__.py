"""The figures that the README states, each beside its floor or rival in one run: `make bench`, never `make test`."""
