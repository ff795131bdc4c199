"""The seam of registries: who keeps images."""

MEMBERS = {
    "distribution": "loco_server.registries.distribution:Distribution",
}
