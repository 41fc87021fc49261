# What the running system is told by its initramfs: who it is, and which address it has.	-*- shell-script -*-

handover_write()
{
	handover_machine_id && handover_hostname && handover_network && handover_checkin || return
	overlay_detail="machine-id ${overlay_machine_id}${overlay_hostname:+, hostname ${overlay_hostname}}"
}

# Stable for a machine although its disk is new at every boot, and unlike every other machine's.
handover_machine_id()
{
	overlay_machine_id=$(machine_id_of_mac "${overlay_mac}")
	handover_put "${rootmnt:?}/etc/machine-id" "${overlay_machine_id}"
}

# handover_put <path> <text>: with the system's own words when that fails.
handover_put()
{
	local complaint

	complaint=$({ printf '%s\n' "$2" >"$1"; } 2>&1) || fail "cannot write $1: ${complaint##*: }"
}

# machine_id_of_mac <mac>: 32 hexadecimal digits, in the form of a version 4 UUID as machine-id(5) recommends.
machine_id_of_mac()
{
	local digest

	digest=$(printf 'rootcast machine-id %s\n' "$1" | sha256sum)
	printf '%s4%s8%s\n' \
		"$(echo "${digest}" | cut -c 1-12)" "$(echo "${digest}" | cut -c 13-15)" "$(echo "${digest}" | cut -c 16-30)"
}

handover_hostname()
{
	local complaint

	[ -n "${overlay_hostname}" ] || return 0
	handover_put "${rootmnt:?}/etc/hostname" "${overlay_hostname}" || return
	complaint=$({ printf '127.0.1.1\t%s\n' "${overlay_hostname}" >>"${rootmnt}/etc/hosts"; } 2>&1) ||
		fail "cannot write ${rootmnt}/etc/hosts: ${complaint##*: }"
}

# systemd-networkd renews the very lease that this machine has: matched by MAC, not by a name that may change, and with
# the MAC as its identity, not a DUID, which a DHCP server would take for another machine.
handover_network()
{
	local methods systemd=${overlay_systemd:-/run/systemd}

	if [ -n "${overlay_ip6}" ]; then
		# Its lease is asked for again under another DUID, and the server knows it by its MAC: until then the address stays.
		methods=$(printf '%s\n' 'DHCP=ipv6' 'IPv6AcceptRA=yes' 'KeepConfiguration=yes' '' '[DHCPv6]' 'DUIDType=link-layer')
	else
		methods=$(printf '%s\n' 'DHCP=ipv4' 'KeepConfiguration=dhcp-on-stop' '' '[DHCPv4]' 'ClientIdentifier=mac')
	fi
	mkdir -p "${systemd}/network" "${systemd}/system" || fail "cannot make ${systemd}" || return
	handover_put "${systemd}/network/05-overlay.network" "$(
		cat <<-END
			# Written by the initramfs (BOOT=overlay).
			[Match]
			MACAddress=${overlay_mac}
			Type=ether

			[Network]
			${methods}
		END
	)" || return
	# It would make a second, static configuration out of ip=, or fail on it.
	ln -sf /dev/null "${systemd}/system/systemd-network-generator.service" || fail "cannot make a link in ${systemd}/system" || return
	[ -n "${overlay_dns}" ] && [ ! -L "${rootmnt:?}/etc/resolv.conf" ] || return 0
	# shellcheck disable=SC2086 # a line for each
	handover_put "${rootmnt}/etc/resolv.conf" "$(printf 'nameserver %s\n' ${overlay_dns})"
}

# Where the running system says that it is up.
handover_checkin()
{
	rm -f "${overlay_run}/transfer.err" "${overlay_run}/layers.answer"
	[ -z "${overlay_checkin}" ] || handover_put "${overlay_run}/checkin" "${overlay_checkin}"
}
