"""The keys of traces, and what a process without any spends on them."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from opentelemetry.semconv import attributes as stable
from opentelemetry.semconv._incubating import attributes as incubating

from chassis import span_attributes
from chassis.config import ConfigError, Environment
from chassis.tracing import NO_TRACER, SAMPLERS, TracingConfig, is_traceparent, new_traceparent, open_tracer

ROOT = Path(__file__).parents[2]
KEYS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_RESOURCE_ATTRIBUTES")

ENTRY_POINTS = ("services.auth", "services.inventory", "services.orders", "services.notifier", "gateway")


def read(**values: str) -> TracingConfig:
    env = Environment(values)
    config = TracingConfig.read(env, "orders")
    env.check()
    return config


def test_the_keys_are_opentelemetrys_own() -> None:
    config = read(
        OTEL_EXPORTER_OTLP_ENDPOINT="https://[::1]:4317/",
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.25",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=staging, team=a%2Cb",
    )

    assert config == TracingConfig(
        "orders",
        "https://[::1]:4317/",
        "parentbased_traceidratio",
        0.25,
        {"deployment.environment.name": "staging", "team": "a,b"},
    )
    assert read() == TracingConfig("orders", "", "parentbased_always_on", 1.0, {})
    assert read(OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4317", OTEL_SDK_DISABLED="True").endpoint == ""
    assert {read(OTEL_TRACES_SAMPLER=name).sampler for name in SAMPLERS} == set(SAMPLERS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            (KEYS[0], value)
            for value in ("collector:4317", "http://collector", "http://me:secret@collector:4317", "ftp://c:1")
        ),
        *((KEYS[0], value) for value in ("http://collector:4317/v1/traces", "http://collector:4317 ")),
        *((KEYS[1], value) for value in ("always", "PARENTBASED_ALWAYS_ON", "jaeger_remote")),
        *((KEYS[2], value) for value in ("1.01", "-0.1", "nan", "half")),
        *((KEYS[3], value) for value in ("team", "=a", "team=a,b", "a b=c")),
    ],
)
def test_a_key_that_is_wrong_is_named(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{key} must"):
        read(**{key: value})


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", True),
        ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
        ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", False),
        ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", False),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", False),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n", False),
        ("", False),
    ],
)
def test_a_traceparent_is_one_as_w3c_says(text: str, is_one: bool) -> None:
    assert is_traceparent(text) is is_one


def test_a_new_traceparent_is_one_and_says_whether_it_is_sampled() -> None:
    on, off = new_traceparent(sampled=True), new_traceparent(sampled=False)

    assert is_traceparent(on)
    assert is_traceparent(off)
    assert (on[-3:], off[-3:]) == ("-01", "-00")


async def test_without_an_endpoint_there_are_no_spans() -> None:
    async with open_tracer(TracingConfig("orders")) as tracer:
        assert tracer is NO_TRACER
        assert not tracer.is_on


def test_without_an_endpoint_nothing_that_makes_spans_is_imported() -> None:
    """redis-py imports a part of OpenTelemetry by itself when it is there, but none that makes or sends spans."""
    look = (
        f"import sys, {', '.join(f'{process}.__main__' for process in ENTRY_POINTS)}\n"
        "assert not [name for name in sys.modules if name.startswith(('opentelemetry.sdk.trace', 'opentelemetry.exp'))]"
    )

    subprocess.run((sys.executable, "-c", look), cwd=ROOT, check=True)  # noqa: S603 - our own code


def test_what_spans_say_has_the_names_of_the_semantic_conventions_and_none_that_is_deprecated() -> None:
    ours = {value for name, value in vars(span_attributes).items() if name.isupper() and not name.startswith("_")}
    sources = "".join(
        (Path(path) / f"{module.name}.py").read_text()
        for package in (stable, incubating)
        for path in package.__path__
        for module in iter_modules([path])
    )

    known = dict(re.findall(r'^[A-Z_]+: Final = "([a-z._]+)"\n"""\n(.*)$', sources, re.MULTILINE))
    moved = "Deprecated in favor of stable"
    assert ours <= set(known)
    assert not [name for name in ours if known[name].startswith("Deprecated") and not known[name].startswith(moved)]
    assert import_module("opentelemetry.semconv.schemas").Schemas.V1_44_0  # the version that the module names
