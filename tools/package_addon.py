"""Makes the Home Assistant add-on installable without a release: `python tools/package_addon.py FOLDER`.

Copies the add-on and puts the wheel of this work tree beside it, with the versions that it was tested with.
The folder then goes to /addons of Home Assistant (Samba or SSH); see docs/install.md.
"""

import argparse
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADD_ON = ROOT / "packaging" / "home-assistant-addon" / "phasewise"


def package(target: Path, uv: str) -> Path:
    """The folder of the add-on within `target`."""
    folder = target / ADD_ON.name
    shutil.copytree(ADD_ON, folder, dirs_exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    requirements = ["export", "--frozen", "--no-dev", "--no-emit-project", "--format", "requirements-txt"]
    for command in (
        [uv, "build", "--quiet", "--wheel", "--out-dir", str(folder)],
        [uv, *requirements, "--quiet", "--output-file", str(folder / "requirements.txt")],
    ):
        subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - uv, with arguments that are all above
    (folder / ".gitignore").unlink(missing_ok=True)  # of uv's: the folder is no part of a repository
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the add-on's folder is made")
    parser.add_argument("--uv", default=shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv"))
    chosen = parser.parse_args()
    print(f"{package(chosen.folder, chosen.uv)} is ready for /addons of Home Assistant")
