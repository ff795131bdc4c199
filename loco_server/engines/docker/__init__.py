"""The Docker engine of one machine. The one folder of the server that speaks to the Docker SDK (in `client.py`)."""
