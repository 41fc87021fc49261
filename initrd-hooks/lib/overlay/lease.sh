#!/bin/sh
# Run by udhcpc when something happens to a lease: writes down what it was given, one `name value` a line.
# The values come from the network; lease_try (network.sh) checks each before using it.

case $1 in
bound | renew) ;;
*) exit 0 ;;
esac

{
	printf 'ip %s\n' "${ip}"
	printf 'subnet %s\n' "${subnet}"
	printf 'router %s\n' "${router}"
	printf 'hostname %s\n' "${hostname}"
	printf 'dns %s\n' "${dns}"
} >"${overlay_lease:?}"
