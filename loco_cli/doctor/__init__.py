"""What `loco doctor` looks at: whether all is there that `loco deploy` of this folder needs. It changes nothing.

`looking` asks, and hands what it saw to the pure functions of `folder`, `machine` and `platform`: a `Finding` each.
`running` has all checks look at once, each for so long and no longer. `bundle` packs what was found for somebody else,
without secrets (`redact`).
"""
