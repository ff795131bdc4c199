"""The seam of identity providers: who a person is."""

MEMBERS = {
    "local": "loco_server.identity.local:LocalIdentity",
}
