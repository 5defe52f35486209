#!/usr/bin/env bash
# Install the Debian programs that tests drive, where this is root on Debian. Without them those tests are skipped.
set -u
programs=(postfix:postfix knotd:knot unbound:unbound swaks:swaks opendkim:opendkim mutt:mutt strace:strace
  systemd-analyze:systemd groff:groff-base tmux:tmux rspamd:rspamd clamd:clamav-daemon npm:npm node:nodejs curl:curl jq:jq
  sieve-test:dovecot-sieve pebble:pebble faketime:faketime promtool:prometheus)
missing=()
for pair in "${programs[@]}"; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null 2>&1 || missing+=("${pair##*:}")
done
for module in Net/SSLeay.pm:libnet-ssleay-perl Authen/SASL.pm:libauthen-sasl-perl; do
  perl -e "require '${module%%:*}'" >/dev/null 2>&1 || missing+=("${module##*:}")
done
[ -e /usr/lib/dovecot/imap ] || missing+=(dovecot-imapd)
[ "${#missing[@]}" -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "Not here, so their tests are skipped: ${missing[*]}"
  exit 0
fi
echo "Installing for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Packages must not start servers of their own on the machine that tests run on.
policy=/usr/sbin/policy-rc.d
[ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy" && trap 'rm -f "$policy"' EXIT; }
apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
  echo "Some could not be installed; their tests are skipped."
exit 0
