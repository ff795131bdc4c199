"""The seam of identity providers: who a person is."""

MEMBERS = {
    "local": "loco_server.identity.local:LocalIdentity",
    "github": "loco_server.identity.github:GitHub",
    "google": "loco_server.identity.google:Google",
    "oidc": "loco_server.identity.oidc:Oidc",
}
