"""What each verb is tried with: a function makes ready what it needs and gives its command line. Called once for each
way of running it, so that what changes something finds something to change.
"""

from tests.e2e import verbs_of_apps, verbs_of_people
from tests.e2e.verb_world import AWAY, NOT_HERE, VERBS, Run, World, away, golden, pretty

__all__ = ["AWAY", "NOT_HERE", "VERBS", "Run", "World", "away", "golden", "pretty", "verbs_of_apps", "verbs_of_people"]
