"""Where `loco` begins. What is asked most often is answered before anything is imported."""

import sys

from loco_cli import VERSION

INTERRUPTED = 130


def main() -> None:
    argv = sys.argv[1:]
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started it, as in `loco apps >&-`
            setattr(sys, name, open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115  open to the end
    if argv == ["--version"]:
        sys.stdout.write(f"{VERSION}\n")
        return
    import gc

    gc.set_threshold(50_000)  # what is imported is there to stay: looking through it again and again is of no use
    try:
        from loco_cli.command_line import run

        code = run(argv)
    except KeyboardInterrupt:  # before the command began, or another one while the first was told of
        sys.stderr.write("interrupted\n")
        code = INTERRUPTED
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the interpreter's own end has nothing to interrupt
    gc.freeze()  # nor to look through all there is once more, which took a quarter of a command's time
    raise SystemExit(int(code))
