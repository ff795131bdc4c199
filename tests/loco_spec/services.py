"""Any valid app, for tests of what holds for all of them."""

from typing import Any

from hypothesis import strategies as st

from loco_spec import names
from loco_spec.build import Build
from loco_spec.kinds.service import Service
from loco_spec.routes import Port, Route
from loco_spec.runtime import Deploy, Health, Metrics, Resources, Scale, Security

KEYS = [*Service.model_fields, "port", "interval", "path", "min", "max", "cpu", "args", "user", "host"]

slugs = st.from_regex(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)
# TOML has every character but surrogates; control characters are written as escapes.
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
some_text = text.filter(bool)
variables = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
paths = st.from_regex(r"/|(/[a-z0-9._~-]{1,8}){1,3}", fullmatch=True).filter(
    lambda path: not any(part in {".", ".."} for part in path.split("/"))
)
durations = st.one_of(
    st.integers(100, 86_400_000).map("{}ms".format),
    st.integers(1, 86_400).map("{}s".format),
    st.integers(1, 24).map("{}h".format),
)
drains = st.one_of(st.integers(0, 600_000).map("{}ms".format), st.integers(0, 10).map("{}m".format))
given = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
commands = st.lists(given, min_size=1, max_size=3).map(tuple)
hosts = st.from_regex(r"[a-z]{1,10}(\.[a-z0-9]{1,10}){0,3}", fullmatch=True).filter(
    lambda host: "." in host or not names.is_reserved_host(host)
)
builds = st.builds(
    Build,
    dockerfile=st.sampled_from(["Dockerfile", "docker/web.Dockerfile"]),
    context=st.sampled_from([".", "web"]),
    target=st.none() | some_text,
    platform=st.none() | st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7"]),
    args=st.dictionaries(variables, text, max_size=3),
    allow=st.lists(text, max_size=3).map(tuple),
)


@st.composite
def scales(draw: st.DrawFn) -> Scale:
    least, most = sorted((draw(st.integers(1, 50)), draw(st.integers(1, 50))))
    return draw(
        st.sampled_from(
            [Scale(), Scale(replicas=least), Scale(min=least), Scale(max=most), Scale(min=least, max=most, cpu=least)]
        )
    )


@st.composite
def services(draw: st.DrawFn) -> Service:
    """Give a service that is valid as a whole: its routes lead to its ports, and so on."""
    port_names = draw(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=3, unique=True))
    numbers = draw(st.lists(st.integers(1, 65535), min_size=3, max_size=3, unique=True))
    ports = tuple(
        Port(name=name, port=number, protocol=draw(st.sampled_from(["http", "h2c", "grpc"])))
        for name, number in zip(port_names, numbers, strict=False)
    )
    if draw(st.booleans()):
        ports = (*ports, Port(name="z-raw", port=next(n for n in range(1, 9) if n not in numbers), protocol="tcp"))
    places = draw(st.lists(st.tuples(st.none() | hosts, paths), max_size=3, unique=True))
    name = draw(slugs)
    unlike = {(host or name, path): (host, path) for host, path in places}
    image = draw(st.none() | st.sampled_from(["shop:dev", "ghcr.io/acme/shop:1.4", f"postgres@sha256:{'a' * 64}"]))
    return Service(
        name=name,
        team=draw(st.none() | slugs),
        image=image,
        command=draw(st.none() | commands),
        build=Build() if image is not None else draw(builds),
        ports=ports,
        routes=tuple(
            Route(
                host=host,
                path=path,
                port=draw(st.none() | st.sampled_from(port_names)),
                strip_prefix=draw(st.booleans()),
            )
            for host, path in unlike.values()
        ),
        resources=draw(st.builds(Resources, cpu=st.sampled_from(["1m", "250m", "1.5", "128"]), memory=st.just("6Mi"))),
        scale=draw(scales()),
        health=draw(
            st.builds(
                Health,
                path=st.none() | paths,
                interval=durations,
                timeout=durations,
                grace=durations,
                failures=st.integers(1, 20),
            )
        ),
        env=draw(st.dictionaries(variables, given, max_size=3)),
        security=draw(st.builds(Security, read_only=st.booleans(), user=st.none() | st.integers(1, 2**31 - 1))),
        deploy=draw(st.builds(Deploy, release_command=st.none() | commands, timeout=durations, drain=drains)),
        metrics=draw(st.none() | st.builds(Metrics, port=st.integers(1, 65535), path=paths)),
    )


def without_none(value: Any) -> Any:
    """TOML has no null: what is None is not written."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value
