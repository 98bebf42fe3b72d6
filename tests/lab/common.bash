# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Sourced by the commands of the labs.

export LC_ALL=C.UTF-8
state="$HOME/.cache/apiary-lab"

say() { printf 'lab: %s\n' "$*"; }

fail() { printf '%s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "Could not run '$1': it needs root and there is no sudo. Run this as root or install sudo."
  fi
}

# wait_until SECONDS COMMAND...: poll a condition; false when the limit is over.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# install_packages WHAT PACKAGE...: from the distribution, without starting the services they bring.
# A subshell, so that its trap is its own.
install_packages() (
  what=$1 policy=/usr/sbin/policy-rc.d
  shift
  command -v apt-get >/dev/null || fail "Could not install $what: this is neither Debian nor Ubuntu." \
    "Install the packages that provide '$*' here and run this again."
  say "installing $*"
  # Without systemd the packages' init scripts would start daemons that nobody stops again.
  if [ ! -d /run/systemd/system ] && [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
    trap 'as_root rm -f "$policy"' EXIT
  fi
  { as_root apt-get -qq update && as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq install --yes --no-install-recommends "$@" >/dev/null; } ||
    fail "Could not install $what: apt-get failed, see above. Repair the package sources and run this again."
)

# debian_source LABEL: where this machine has Debian's packages of that label from; empty when it is no Debian.
debian_source() {
  { apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null || true; } |
    awk -F'|' -v label="$1" '$1 == "Debian" && $2 == label && $3 ~ /^https?:/ && !found++ { print $3 }'
}
