"""Amounts as Kubernetes writes them: `250m`, `256Mi`, `1e3` (apimachinery, resource.Quantity). Pure."""

import math
import re
from decimal import Decimal

_FORM = re.compile(r"([+-]?[0-9.]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?")
_SUFFIX = {
    **{letter: Decimal(1000) ** power for power, letter in enumerate("num", start=-3)},
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}


def written(amount: Decimal) -> str:
    """Write an amount, rounded up to thousandths."""
    if amount == amount.to_integral_value():
        return str(int(amount))
    return f"{math.ceil(amount * 1000)}m"


def quantity(text: str) -> Decimal | None:
    """Give the number, or None for a text that is no quantity."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    number, suffix = match.groups()
    try:
        value = Decimal(number)
    except ArithmeticError:
        return None
    if suffix is None:
        return value
    return value * (_SUFFIX[suffix] if suffix in _SUFFIX else Decimal(f"1{suffix}"))
