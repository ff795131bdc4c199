"""How a diagnosis is put together."""

from collections.abc import Sequence

from loco_spec.errors import Cause, Diagnosis, Fact

LINES = 20
"""The app's last lines that are shown."""
SAID = 400
"""Characters of what somebody else said."""
DEPLOY = "then run `loco deploy`"
AGAIN = "run `loco deploy` again; if it stays, the operator finds more in the engine's own log"


def made(
    phase: str, cause: Cause, message: str, hint: str, *evidence: tuple[str, str], lines: Sequence[str] = ()
) -> Diagnosis:
    """Give one without its times: who counts them puts them in (`timed`)."""
    facts = tuple(Fact(name=name, text=text[:SAID]) for name, text in evidence if text)
    shown = tuple(lines)[-LINES:]
    return Diagnosis(phase=phase, seconds=0, cause=cause, message=message, hint=hint, evidence=facts, lines=shown)


def timed(diagnosis: Diagnosis, seconds: float, total: float | None = None) -> Diagnosis:
    """Put the seconds of its phase in, and those since the rollout began."""
    return diagnosis.model_copy(
        update={"seconds": round(seconds, 1), "total": None if total is None else round(total, 1)}
    )


def disk_full(phase: str, name: str, said: str) -> Diagnosis:
    message = f"the disk of the machine is full: {name} cannot be put on it"
    hint = "the operator makes room (docker image prune, loco destroy); then run `loco deploy` again"
    return made(phase, "disk-full", message, hint, ("the engine said", said))
