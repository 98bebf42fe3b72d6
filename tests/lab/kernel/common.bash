# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Sourced by the commands of the kernel lab.

here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
source "$here/../common.bash"
PATH="$PATH:/usr/sbin:/sbin"
# Beside that of the container lab, whose "make down" empties its own.
state="$HOME/.cache/apiary-lab-kernel"
kernel="$state/kernel"
base="$state/base.img"
key="$state/id_ed25519"
user=deploy
# UML in seccomp mode came with Linux 6.16, after the kernel of Debian 13 itself.
suite=trixie-backports
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# Names and addresses of the nodes live in the inventory; this machine has the first address of their network.
inventory="$here/../../../inventories/kernel/hosts.yml"
hosts() { sed -n 's/^ *\([a-z0-9-]*\): *{ansible_host: *\([0-9.]*\)}.*/\1 \2/p' "$inventory"; }
gateway=$(hosts | awk 'NR == 1 { sub(/[0-9]+$/, "1", $2); print $2 }')
port=3142

need_root() {
  [ "$(id -u)" -eq 0 ] || fail "Could not use the kernel lab '$(id -un)': it makes network namespaces and disks, which needs root." \
    "Run this as root."
}

# The package source of this machine that has Debian's releases.
mirror() {
  local found
  found=$(debian_source Debian)
  [ -n "$found" ] || fail "Could not find the package source 'Debian': the sources of this machine name none over HTTP." \
    "Add one to /etc/apt/sources.list.d and run apt-get update, or use the container lab, 'make up'."
  echo "$found"
}

# pid NAME: of the node's kernel, if it runs. A number that another process has got since does not count.
pid() {
  local number
  number=$(cat "$state/nodes/$1/uml/$1/pid" 2>/dev/null) && [ -n "$number" ] || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/$number/cmdline" | grep -qx "uml_dir=$state/nodes/$1/uml" && echo "$number"
}

# The nodes that have a disk, and those whose kernel runs.
disks() { find "$state/nodes" -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort; }
running() { local name; for name in $(disks); do if pid "$name" >/dev/null; then echo "$name"; fi; done; }
