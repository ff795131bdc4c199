"""From a folder to an image in the app's repository. With the context, the only place that knows the Docker SDK."""
