"""Trust rules, and from where an app may be deployed."""

from loco_cli.client.http import Http
from loco_spec import paths
from loco_spec.trust import Source, SourceSet, TrustRule, TrustRuleAdd, TrustRuleRemoved, TrustRules


def rules(http: Http, team: str) -> TrustRules:
    return http.get(paths.fill(paths.TRUST, team=team), TrustRules)


def add(http: Http, team: str, rule: TrustRuleAdd) -> TrustRule:
    return http.post(paths.fill(paths.TRUST, team=team), TrustRule, rule)


def remove(http: Http, team: str, rule: str) -> TrustRuleRemoved:
    return http.delete_for(paths.fill(paths.TRUST_RULE, team=team, rule=rule), TrustRuleRemoved)


def require(http: Http, team: str, app: str, source: SourceSet) -> Source:
    return http.put(paths.fill(paths.SOURCE, team=team, app=app), Source, source)
