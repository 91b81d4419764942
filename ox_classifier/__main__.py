"""`python -m ox_classifier` is `ox`."""

from ox_classifier.cli import main

main()
