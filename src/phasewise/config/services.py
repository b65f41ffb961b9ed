"""The parts of the configuration file for what is around control: history, web, MQTT, alarms."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from phasewise.config.fields import (
    NotEmpty,
    Positive,
    Says,
    Section,
    between,
    rule,
)


class HistorySection(Section):
    """What is kept of the past."""

    path: NotEmpty | None = None
    """File in which history is kept, relative to the configuration file; beside it without this."""
    keep_days: Positive = 7.0
    """How long every second is kept."""


_ROOT_PATH = r"^((/[A-Za-z0-9._~-]+)+/?)?$"


def _is_network(value: str) -> bool:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return False
    return True


def _is_host_name(value: str) -> bool:
    return re.fullmatch(r"\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", value) is not None


def _is_root_path(value: str) -> bool:
    return re.fullmatch(_ROOT_PATH, value) is not None


class WebSection(Section):
    """The dashboard and the API."""

    host: NotEmpty = "127.0.0.1"
    """Address to listen on: 127.0.0.1 for this computer alone, 0.0.0.0 for the whole network (then a
    token or password is needed)."""
    port: Annotated[int, between(1, 65535), Says(minimum=1, maximum=65535)] = 8080
    """TCP port of the dashboard and the API."""
    token_file: str | None = None
    """File with the secret that the API asks for; relative to the configuration file."""
    password_file: str | None = None
    """File with the hash of your password, made by 'phasewise password FILE'; relative likewise."""
    viewer_token_file: str | None = None
    """Likewise for those who may see everything and change nothing: a token."""
    viewer_password_file: str | None = None
    """Likewise for those who may see everything and change nothing: a password."""
    trusted_proxies: tuple[
        Annotated[
            str, rule(_is_network, "is not an address or network", "such as 192.168.1.2, 172.30.32.0/23")
        ],
        ...,
    ] = ()
    """Addresses of reverse proxies, whose word on who asks is taken."""
    allowed_hosts: tuple[
        Annotated[str, rule(_is_host_name, "is not a host name", "such as home.example.org, without port")],
        ...,
    ] = ()
    """Further host names that Phasewise is opened under."""
    root_path: Annotated[
        str, rule(_is_root_path, "is not a path", "such as /phasewise, or nothing"), Says(pattern=_ROOT_PATH)
    ] = ""
    """Path under which a reverse proxy shows Phasewise."""


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_broker(value: str) -> bool:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"mqtt", "mqtts"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and "@" not in parts.netloc and not (parts.path.strip("/") or parts.query or parts.fragment)


_TOPIC = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"
"""Safe in a topic and, with its slashes replaced, in an id of Home Assistant."""
Topic = Annotated[
    str,
    rule(
        lambda value: re.fullmatch(_TOPIC, value) is not None,
        "can't be a topic",
        "letters (a-z), digits, '-' and '_', parts divided by '/', such as phasewise",
    ),
    Says(pattern=_TOPIC),
]


class MqttSection(Section):
    """The link to an MQTT broker, and through it to Home Assistant."""

    url: (
        Annotated[
            str,
            rule(
                _is_broker,
                "is not the address of a broker",
                "mqtt://HOST:1883 or mqtts://HOST:8883, the name of a user in 'username' and not in here",
            ),
        ]
        | None
    ) = None
    """Where the broker is: mqtt://HOST:1883, or mqtts://HOST:8883 with encryption; left out: no link."""
    username: NotEmpty | None = None
    """Name that Phasewise logs in with; left out: it does not log in."""
    password_file: NotEmpty | None = None
    """File with the password; relative to the configuration file."""
    ca_file: NotEmpty | None = None
    """File with the certificate of the authority that signed the broker's, for mqtts; left out: those that
    this computer trusts."""
    topic: Topic = "phasewise"
    """Topics of Phasewise begin with this; two homes on one broker need two of them."""
    discovery_prefix: Topic = "homeassistant"
    """Where Home Assistant looks for new devices."""


class AlarmsSection(Section):
    """Who is told of alarms."""

    webhook: (
        Annotated[
            str, rule(_is_web_address, "is not a web address", "an address such as https://example.org/alarm")
        ]
        | None
    ) = None
    """Address that each alarm is sent to as it rises and as it ends. It often holds a secret."""
