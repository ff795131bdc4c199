"""The server's API, one noun a file. The only place that imports httpx."""
