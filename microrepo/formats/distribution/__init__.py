"""What distributions say: file names, archives, core metadata."""
