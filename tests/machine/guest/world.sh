#!/usr/bin/env bash
# In the machine: a DNS of its own, signed from the root, and another host, mx.remote.org, in a network of its own.
# What lies in /root/zone is published.
set -euo pipefail
if ! command -v knotd >/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y knot knot-dnsutils bind9-dnsutils swaks curl </dev/null >/dev/null
fi
cat > /etc/knot/knot.conf <<'ROWS'
server:
    rundir: "/run/knot"
    user: knot:knot
    listen: 127.0.0.1@5353
database:
    storage: "/var/lib/knot"
policy:
  - id: one
    algorithm: ecdsap256sha256
    single-type-signing: on
zone:
  - domain: .
    storage: /var/lib/knot
    file: root.zone
    dnssec-signing: on
    dnssec-policy: one
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
ROWS
cat > /var/lib/knot/root.zone <<'ROWS'
$ORIGIN .
$TTL 10
. SOA ns. hostmaster. 1 60 60 60 5
. NS ns.
ns. A 127.0.0.1
25.99.88.192.in-addr.arpa. PTR mail.example.com.
130.99.88.192.in-addr.arpa. PTR mx.remote.org.
mx.remote.org. A 192.88.99.130
remote.org. MX 10 mx.remote.org.
remote.org. TXT "v=spf1 ip4:192.88.99.130 -all"
ROWS
if [ -e /root/zone ]; then cat /root/zone >> /var/lib/knot/root.zone; fi
chown knot: /var/lib/knot/root.zone
systemctl enable -q knot
systemctl restart knot
key=
for _ in $(seq 60); do
  key=$(kdig @127.0.0.1 -p 5353 . DNSKEY +short | head -n 1)
  [ -n "$key" ] && break
  sleep 1
done
echo ". DNSKEY $key" > /etc/unbound/our.key
rm -f /etc/unbound/unbound.conf.d/root-auto-trust-anchor-file.conf
cat > /etc/unbound/unbound.conf.d/our.conf <<'ROWS'
server:
    do-not-query-localhost: no
    trust-anchor-file: /etc/unbound/our.key
    qname-minimisation: no
stub-zone:
    name: "."
    stub-addr: 127.0.0.1@5353
ROWS
systemctl restart unbound
if ! ip netns list | grep -q remote; then
  ip netns add remote
  ip link add far type veth peer name eth0 netns remote
  ip address add 192.88.99.129/30 dev far
  ip link set far up
  ip -n remote address add 192.88.99.130/30 dev eth0
  ip -n remote link set eth0 up
  ip -n remote link set lo up
  ip -n remote route add default via 192.88.99.129
fi
systemctl is-active -q remote ||
  systemd-run -q --unit=remote --collect ip netns exec remote /usr/bin/python3.11 /root/remote.py
