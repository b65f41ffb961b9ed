"""`python -m phasewise.healthcheck CONFIG`: whether the daemon with this configuration file does its job.

For container engines and monitoring. Exit code 0 or 1, and the reason in words. It loads next to nothing, so
that it can be run every few seconds on a small machine.
"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

TIMEOUT_S = 5.0
HOST, PORT = "127.0.0.1", 8080
"""As the configuration and set-up have it where nothing is said."""
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where to ask a daemon on this machine that listens on all its addresses."""


def address_of(config: Path, default_port: int) -> tuple[str, int]:
    """Host and port to ask. Without a file set-up is served, on `default_port`."""
    if not config.exists():
        return HOST, default_port
    loaded = YAML(typ="safe", pure=True).load(config)
    web = loaded.get("web") if isinstance(loaded, dict) else None
    web = web if isinstance(web, dict) else {}
    host, port = str(web.get("host", HOST)), web.get("port", PORT)
    return WILDCARDS.get(host, host), port if isinstance(port, int) else PORT


def check(host: str, port: int) -> tuple[bool, str]:
    """Whether all is well, and what was said."""
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/health"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            return True, _detail(answer.read())
    except urllib.error.HTTPError as error:
        return False, _detail(error.read())
    except (OSError, ValueError) as error:
        return False, f"no answer from {url}: {getattr(error, 'reason', error)}"


def _detail(content: bytes) -> str:
    try:
        return str(json.loads(content)["detail"])
    except (ValueError, KeyError, TypeError):
        return content[:200].decode("utf-8", "replace")


def main(arguments: list[str]) -> int:
    """The exit code. Arguments: the configuration file, and the port of set-up where it is not 8080."""
    if not 1 <= len(arguments) <= 2 or not all(number.isdigit() for number in arguments[1:]):
        print("usage: python -m phasewise.healthcheck CONFIG [PORT_OF_SETUP]", file=sys.stderr)
        return 1
    config = Path(arguments[0])
    try:
        host, port = address_of(config, int(arguments[1]) if len(arguments) == 2 else PORT)
    except (OSError, YAMLError, UnicodeDecodeError) as error:
        print(f"{config} can't be read: {error}", file=sys.stderr)
        return 1
    ok, detail = check(host, port)
    print(detail)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
