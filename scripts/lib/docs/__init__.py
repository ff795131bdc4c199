"""What is generated of docs/: each page from what it tells of."""
