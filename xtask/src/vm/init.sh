#!/bin/busybox sh
# The guest's first process: mounts what a host has, loads modules, runs the scenarios, powers off.
# Verdicts go to the second serial line, all else to the first, which is the console.

/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root INTERDICT_BPF_OBJECT=/interdict.o

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t securityfs securityfs /sys/kernel/security
mount -t tracefs tracefs /sys/kernel/tracing
mount -t tmpfs tmpfs /tmp

stty -F /dev/ttyS1 raw -echo
echo "INTERDICT-VM booted" >/dev/ttyS1

for module in /modules/*.ko; do
    insmod "$module"
done
ip link set lo up

# Nothing runs in the root cgroup of a host either.
mkdir /sys/fs/cgroup/scenarios
echo $$ >/sys/fs/cgroup/scenarios/cgroup.procs

interdict-vm-tests --facts >/dev/ttyS1
filter=$(cat /filter)
interdict-vm-tests ${filter:+"$filter"} >/dev/ttyS1
echo "INTERDICT-VM exit=$?" >/dev/ttyS1

# What is still in the line would be lost.
sleep 0.2
poweroff -f
