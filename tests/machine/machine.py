"""A virtual machine that is driven over ssh, and whose power can be cut."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.support.postfix import free_port

HERE = Path(__file__).parent
PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "debootstrap": "debootstrap",
    "mkfs.ext4": "e2fsprogs", "ssh": "openssh-client",
}  # fmt: skip
BOOT_SECONDS = 600  # without KVM a boot takes more than a minute
COMMAND_SECONDS = 1200
_OPTIONS = ("-q", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5")


def missing() -> str | None:
    """What is not there of what a machine needs."""
    if os.geteuid() != 0:
        return "root, who makes the image"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    absent = [package for name, package in PROGRAMS.items() if not shutil.which(name, path=path)]
    return ", ".join(absent) or None


def image(cache: Path) -> Path:
    """The directory of an image that the scripts as they are now have made; made where there is none."""
    parts = sorted(path for path in (HERE / "image.sh", *(HERE / "guest").iterdir()) if path.is_file())
    state = hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()[:12]
    place = cache / state
    if not (place / "disk.qcow2").exists():
        shutil.rmtree(cache, ignore_errors=True)  # an older one is of no use
        place.mkdir(parents=True)
        with (place / "image.log").open("wb") as log:
            done = subprocess.run(
                [HERE / "image.sh", place], stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False
            )
        if done.returncode:
            raise SystemExit(f"The image cannot be made: {place / 'image.log'} says why.")
    return place


class Machine:
    """Boots from a copy of the image; nothing of it leads outside but ssh on a port of loopback."""

    def __init__(self, place: Path, directory: Path, *, kvm: bool) -> None:
        self._place, self._kvm = place, kvm
        self._disk = directory / "disk.qcow2"
        self._console = directory / "console"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", place / "disk.qcow2", self._disk]
        subprocess.run(command, check=True)

    def boot(self) -> None:
        """Switch it on, and wait until it can be logged in to."""
        fast = ("-enable-kvm", "-cpu", "host") if self._kvm else ("-accel", "tcg,thread=multi", "-cpu", "max")
        net = "net=192.88.99.0/26,host=192.88.99.2,dns=192.88.99.3,restrict=on"
        self._process = subprocess.Popen([
            "qemu-system-x86_64", *fast, "-m", "1536", "-smp", "2", "-display", "none", "-no-reboot",
            "-kernel", self._place / "vmlinuz", "-initrd", self._place / "initrd",
            "-append", "root=/dev/vda console=ttyS0 quiet", "-serial", f"file:{self._console}", "-monitor", "none",
            "-drive", f"file={self._disk},if=virtio",
            "-nic", f"user,model=virtio-net-pci,{net},hostfwd=tcp:127.0.0.1:{self._port}-192.88.99.25:22",
        ])  # fmt: skip
        deadline = time.monotonic() + BOOT_SECONDS
        while self._ssh("true").returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._console.read_text(errors="replace")[-2000:] if self._console.exists() else ""
                raise SystemExit(f"The machine does not come up.\n{said}")
            time.sleep(2)

    def cut_power(self) -> None:
        """What is not on its disk is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def run(self, command: str, *, fails: bool = False) -> str:
        """What a command of root's in it says, on both streams; it has to succeed, or to fail."""
        done = self._ssh(command)
        text = done.stdout.decode(errors="replace")
        assert bool(done.returncode) is fails, f"{command}\nended with {done.returncode}:\n{text}"
        return text

    def begin(self, command: str) -> "subprocess.Popen[bytes]":
        """A command that goes on beside others; what it prints can be read."""
        return subprocess.Popen(self._words(command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def put(self, path: Path, name: str) -> None:
        """Copy a file into root's home."""
        with path.open("rb") as file:
            subprocess.run(self._words(f"cat > /root/{name}"), stdin=file, check=True)

    def _ssh(self, command: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            self._words(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip

    def _words(self, command: str) -> list[str]:
        login = ("-i", str(self._place / "key"), "-p", str(self._port), "root@127.0.0.1")
        return ["ssh", *_OPTIONS, *login, command]
