#!/bin/sh
# A machine without a disk, on the network of this container: its card is a tap in one bridge with eth0.
set -eu

ip link add br0 type bridge
ip link set br0 up
ip tuntap add tap0 mode tap
ip link set tap0 master br0 up
# The container's own address goes: the cable now belongs to the machine.
ip addr flush dev eth0
ip link set eth0 master br0

accelerator=tcg
[ ! -w /dev/kvm ] || accelerator=${ACCELERATOR:-kvm}
exec qemu-system-x86_64 -accel "$accelerator" -m "${MEMORY:-1024}" -nodefaults -no-user-config -display none -serial stdio \
	-boot n -netdev tap,id=net0,ifname=tap0,script=no,downscript=no \
	-device "virtio-net-pci,netdev=net0,mac=${MAC:-52:54:00:77:00:01}" -device virtio-rng-pci
