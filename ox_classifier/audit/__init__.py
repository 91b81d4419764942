"""Can this data be trusted? Measurements, duplicates and findings of a listing, as text and as a contact sheet."""
