#!/usr/bin/env bash
# image.sh DIRECTORY: a Debian of this machine's own release and apt sources, as disk.qcow2, vmlinuz and initrd in DIRECTORY.
# What the tests install in it later lies in its apt cache: the machine has no network to the outside.
set -euo pipefail
place=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. /etc/os-release
[ "${ID:-}" = debian ] || { echo "this is no Debian" >&2; exit 2; }
# shellcheck disable=SC2016  # it is apt that expands it
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $VERSION_CODENAME" | sed -n 1p)
system=systemd-sysv,dbus,udev,libpam-systemd,systemd-timesyncd,ifupdown,iproute2,procps,netbase,openssh-server,cron,less,man-db,ca-certificates
later=(adduser python3.11 unbound knot knot-dnsutils bind9-dnsutils swaks curl exim4-daemon-light)
work=$(mktemp -d "$place/building.XXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

debootstrap --variant=minbase --include="$system" "$VERSION_CODENAME" "$root" "$mirror"
cp /etc/resolv.conf "$root/etc/resolv.conf"
export DEBIAN_FRONTEND=noninteractive
chroot "$root" apt-get install -y linux-image-cloud-amd64 e2fsprogs
chroot "$root" apt-get clean
chroot "$root" apt-get install -y --download-only "${later[@]}"

rm -f "$place/key" "$place/key.pub"
ssh-keygen -q -t ed25519 -N '' -f "$place/key"
install -d -m 0700 "$root/root/.ssh"
install -m 0600 "$place/key.pub" "$root/root/.ssh/authorized_keys"
cp "$here"/guest/*.* "$root/root/"  # not what Python may have compiled beside them
echo mail > "$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 mail.example.com mail\n::1 localhost\n' > "$root/etc/hosts"
echo 'nameserver 127.0.0.1' > "$root/etc/resolv.conf"
echo '/dev/vda / ext4 errors=remount-ro 0 1' > "$root/etc/fstab"
install -d "$root/var/log/journal"
cat > "$root/etc/network/interfaces" <<'ROWS'
auto lo
iface lo inet loopback
auto ens3
iface ens3 inet static
  address 192.88.99.25/26
  gateway 192.88.99.2
ROWS
cp "$root/vmlinuz" "$place/vmlinuz"
cp "$root/initrd.img" "$place/initrd"
mkfs.ext4 -q -d "$root" "$work/disk.raw" 4G
qemu-img convert -O qcow2 "$work/disk.raw" "$work/disk.qcow2"
mv "$work/disk.qcow2" "$place/disk.qcow2"  # there is a whole image, or none
