#!/bin/sh
# The first process of a User Mode Linux whose root is this machine's (hostfs): runs the scenario at the root of a hierarchy and, as
# in a container, in a cgroup namespace whose processes are in its top cgroup. $REPOSITORY, $NODE and $AZORA come with the kernel's
# command line.
mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t tmpfs tmp /run
mount -t cgroup2 none /sys/fs/cgroup && ip link set lo up
export TMPDIR=/run HOME=/run PATH="${NODE%/*}:$PATH"
echo "KERNEL $(uname -r)"
scenario="$REPOSITORY/test/e2e/rig/limits-scenario.ts"
"$NODE" "$scenario" "$AZORA"
mkdir /sys/fs/cgroup/box && echo $$ >/sys/fs/cgroup/box/cgroup.procs
unshare --cgroup --mount sh -c 'umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && "$0" "$@"' \
  "$NODE" "$scenario" "$AZORA" brief
halt -f
