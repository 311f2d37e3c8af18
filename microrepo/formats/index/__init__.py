"""What indexes answer: JSON API, Simple API, upload form."""
