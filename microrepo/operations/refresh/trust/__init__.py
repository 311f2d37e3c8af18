"""What a refresh reads to judge releases."""
