"""The seam of scanners: what is known to be wrong with an image."""

MEMBERS = {
    "none": "loco_server.scanners.none:NoScanner",
}
