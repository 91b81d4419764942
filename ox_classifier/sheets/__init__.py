"""From paper and back: sheets to print, and photographs of them to read."""
