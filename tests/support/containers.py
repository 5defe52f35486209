"""The container image, built for real, and containers of it: for `make deb-test`, on a machine that has an engine.

The base image is the one that is named (BASE), or the Containerfile's where it is here already, or else Debian 12 from
the machine's mirror, which has what the Containerfile needs of it. Nothing is pulled from a registry of images.
"""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 600
ALIKE = "localhost/mailserver-test-base:bookworm"
PACKAGES = "python3,python3-venv,ca-certificates,netbase,tzdata"
# Engines as they are, and as they have to be asked where the machine is itself a small one.
WAYS = (
    ("podman",), ("docker",), ("podman", "--runtime", "runc"), ("podman", "--runtime", "crun"),
)  # fmt: skip
FEW = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")
NO_TIMER = re.compile(r"(?m)^.*systemd connection to \w+ healthchecks?.*\n?")  # podman's, where there is no systemd


def builder():
    """Who builds here; a skip that says so where nobody does."""
    for name in os.environ.get("BUILDER", "podman buildah docker").split():
        if shutil.which(name) and subprocess.run([name, "info"], capture_output=True, timeout=60).returncode == 0:
            return name
    pytest.skip("neither podman nor buildah nor docker can build here")


def environment():
    """Of the builder: what is run while building needs no right that a machine in a sandbox has not."""
    return {"BUILDAH_ISOLATION": "chroot", **os.environ}


def base(program, named, directory):
    """The base image to build on."""
    if "BASE" in os.environ:
        return os.environ["BASE"]
    for image in (named, ALIKE):
        if subprocess.run([program, "inspect", "--type", "image", image], capture_output=True).returncode == 0:
            return image
    if os.geteuid() != 0 or not shutil.which("debootstrap") or program == "docker":
        pytest.skip(f"no base image: neither {named} nor debootstrap is here")
    root = directory / "root"
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root],
        capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"no mirror of Debian can be reached: {done.stdout[-200:]}")
    for name in ("python", "python3"):  # as the official image has it
        (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3")
    authorities = Path("etc/ssl/certs/ca-certificates.crt")
    if (Path("/") / authorities).exists():  # the machine's may have one more, for the way to its registries
        shutil.copyfile(Path("/") / authorities, root / authorities)
    (directory / "Containerfile").write_text("FROM scratch\nCOPY root /\n")
    (directory / ".containerignore").write_text("root/var/cache/apt\nroot/var/lib/apt/lists\n")
    subprocess.run([program, "build", "--tag", ALIKE, directory], check=True, capture_output=True, timeout=SECONDS)
    shutil.rmtree(root)
    return ALIKE


def built(tag, named, directory):
    """Build the image of this tree as `make image` does."""
    program = builder()
    given = {**environment(), "BASE": base(program, named, directory), "BUILDER": program}
    network = ["--network", "host"]
    done = subprocess.run(
        [ROOT / "packaging/build_image.sh", tag, *network], env=given, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def earlier(tag, than, version, directory):
    """The same image with an earlier version."""
    place = "/opt/mailserver/lib/python3*/site-packages/mailserver"
    edit = f"""sed -i 's/^__version__ = .*/__version__ = "{version}"/' {place}/__init__.py"""
    (directory / "Containerfile").write_text(
        f"FROM {than}\nUSER root\nRUN {edit} && rm {place}/__pycache__/__init__.*\nUSER 10001:10001\n"
    )
    program = builder()
    form = [] if program == "docker" else ["--format", "docker"]  # the health check is of that format only
    subprocess.run(
        [program, "build", "--pull=false", *form, "--tag", tag, directory], env=environment(), check=True,
        capture_output=True, timeout=SECONDS,
    )  # fmt: skip


class Engine:
    """Runs containers that have no network but their own loopback."""

    def __init__(self, way, limits, label):
        self._way = way
        self._limits = limits
        self._label = label

    @classmethod
    def found(cls, image, label):
        """One that can run the image here; a skip that says so where none can."""
        said = "no podman or docker is here"
        for way in WAYS:
            for limits in ((), FEW):
                if not shutil.which(way[0]):
                    continue
                engine = cls(way, limits, label)
                done = engine.run("--rm", image, "--version")
                if done.returncode == 0:
                    return engine
                said = done.stderr[-200:]
        pytest.skip(f"containers cannot be run here: {said}")

    def ask(self, *arguments, stdin=""):
        done = subprocess.run(
            [*self._way, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=120
        )
        done.stderr = NO_TIMER.sub("", done.stderr)
        return done

    def run(self, *arguments, stdin=""):
        return self.ask("run", "--network", "none", "--label", self._label, *self._limits, *arguments, stdin=stdin)

    def must(self, *arguments, stdin=""):
        """What a command of the engine prints, which has to succeed."""
        done = self.ask(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def start(self, name, image, *options):
        """Serve, detached, as the documentation says it."""
        memory = ("--tmpfs", "/run/mailserver") if self._way[0] == "docker" else ()  # podman adds its own
        done = self.run(
            "-d", "--name", name, "--read-only", *memory, "--cap-drop", "all", "--security-opt", "no-new-privileges",
            "--stop-timeout", "45", *options, image,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.until_healthy(name)

    def until_healthy(self, name):
        until = time.monotonic() + 60
        while (said := self.health(name))[0]:
            assert time.monotonic() < until, f"{said} {self.ask('logs', name)}"
            time.sleep(0.2)

    def health(self, name):
        """Exit code and words of the image's own health check, run as an engine runs it."""
        test = json.loads(self.must("inspect", "--format", "{{json .Config.Healthcheck}}", name))["Test"]
        assert test[0] == "CMD"
        done = self.ask("exec", name, *test[1:])
        return done.returncode, done.stderr.strip()

    def remove_all(self):
        """Every container that was made here."""
        for number in self.must("ps", "-aq", "--filter", f"label={self._label}").split():
            self.ask("rm", "-f", number)
