"""`loco-server local`: starts and adopts Envoy and the registry beside the server, on one machine."""
