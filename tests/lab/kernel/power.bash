# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Sourced by what switches nodes on and off.

netns=apiary-lab-kernel
# Names of interfaces are short.
link=apiary-labk
memory=1536M
limit=300

address() {
  local found
  found=$(hosts | awk -v name="$1" '$1 == name { print $2 }')
  [ -n "$found" ] || fail "Could not find node '$1': the inventory has none of that name. Use one of $(hosts | cut -d ' ' -f 1 | xargs)."
  echo "$found"
}

# ask NAME COMMAND: as the user that Ansible is there, too.
ask() {
  local address
  address=$(address "$1")
  shift
  timeout 60 ssh -i "$key" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=5 -o LogLevel=ERROR \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$user@$address" "$@" </dev/null
}

# A process is ended by its number, and only while that number is still what was started here.
packages_pid() {
  local number
  number=$(cat "$state/packages.pid" 2>/dev/null) && grep -qzx "$here/packages.py" "/proc/$number/cmdline" 2>/dev/null && echo "$number"
}

# power_on NAME: the disk of a new node is made by UML, as what differs from the base.
power_on() {
  local name=$1 address last dir="$state/nodes/$1"
  address=$(address "$name")
  last=${address##*.}
  if pid "$name" >/dev/null; then return 0; fi
  mkdir -p "$dir/uml"
  # A raw socket on a veth pair: with more than one processor configured, the driver's tap mode panics.
  if ! ip -n "$netns" link show "port$last" >/dev/null 2>&1; then
    ip -n "$netns" link add "port$last" type veth peer name "node$last"
    ip netns exec "$netns" sysctl -q -w "net.ipv6.conf.node$last.disable_ipv6=1"
  fi
  ip -n "$netns" link set "port$last" master switch up
  ip -n "$netns" link set "node$last" up
  # The memory is a file, and in no disk's way where TMPDIR is in memory. Without gro the driver drops the large segments
  # of this machine.
  TMPDIR=/dev/shm setsid nsenter --net="/run/netns/$netns" "$kernel/linux" umid="$name" uml_dir="$dir/uml" mem="$memory" \
    seccomp=on ubd0="$dir/disk.cow,$base" ubd1r="$kernel/modules.img" root=/dev/ubda rw rootfstype=ext4 \
    vec0:transport=raw,ifname="node$last",depth=64,gro=1,mac="$(printf '02:a9:00:00:00:%02x' "$last")" \
    con0=null,fd:1 con=null systemd.log_color=0 lab.name="$name" lab.address="$address" \
    </dev/null >>"$dir/console.log" 2>&1 &
  disown
}

is_off() { ! [ -e "/proc/$1" ]; }

# power_off NAME: at once, without a word to anybody in there. The kernel leads the group of the processes that are its users'.
power_off() {
  local number
  number=$(pid "$1") || return 0
  kill -KILL -- "-$number" 2>/dev/null || kill -KILL "$number"
  wait_until 30 is_off "$number" || fail "Could not end node '$1': process $number goes on. Look at it with ps."
}

# wait_for_systemd NAME...: until everything has started there. What failed is shown and does not end the lab.
wait_for_systemd() {
  local name answer deadline=$((SECONDS + limit))
  for name; do
    until answer=$(ask "$name" systemctl is-system-running --wait 2>/dev/null); [ -n "$answer" ]; do
      pid "$name" >/dev/null || sleep 2
      pid "$name" >/dev/null ||
        fail "Could not start node '$name': its kernel has ended. Look into $state/nodes/$name/console.log."
      [ "$SECONDS" -lt "$deadline" ] ||
        fail "Could not start node '$name': it is not up after $limit s. Look into $state/nodes/$name/console.log."
      sleep 0.5
    done
    [ "$answer" = running ] || say "$name is $answer: $(ask "$name" systemctl list-units --failed --no-legend --plain | cut -d ' ' -f 1 | xargs)"
  done
}
