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
	printf '%s\n' "${overlay_machine_id}" >"${rootmnt:?}/etc/machine-id" || fail "cannot write /etc/machine-id"
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
	[ -n "${overlay_hostname}" ] || return 0
	printf '%s\n' "${overlay_hostname}" >"${rootmnt:?}/etc/hostname" || fail "cannot write /etc/hostname" || return
	printf '127.0.1.1\t%s\n' "${overlay_hostname}" >>"${rootmnt}/etc/hosts"
}

# systemd-networkd renews the very lease that this machine has: matched by MAC, not by a name that may change, and with
# the MAC as its identity, not a DUID, which a DHCP server would take for another machine.
handover_network()
{
	local dns methods

	if [ -n "${overlay_ip6}" ]; then
		# Its lease is asked for again under another DUID, and the server knows it by its MAC: until then the address stays.
		methods=$(printf '%s\n' 'DHCP=ipv6' 'IPv6AcceptRA=yes' 'KeepConfiguration=yes' '' '[DHCPv6]' 'DUIDType=link-layer')
	else
		methods=$(printf '%s\n' 'DHCP=ipv4' 'KeepConfiguration=dhcp-on-stop' '' '[DHCPv4]' 'ClientIdentifier=mac')
	fi
	mkdir -p "${overlay_systemd:-/run/systemd}/network" "${overlay_systemd:-/run/systemd}/system"
	cat >"${overlay_systemd:-/run/systemd}/network/05-overlay.network" <<-END
		# Written by the initramfs (BOOT=overlay).
		[Match]
		MACAddress=${overlay_mac}
		Type=ether

		[Network]
		${methods}
	END
	# It would make a second, static configuration out of ip=, or fail on it.
	ln -sf /dev/null "${overlay_systemd:-/run/systemd}/system/systemd-network-generator.service"
	[ -n "${overlay_dns}" ] && [ ! -L "${rootmnt:?}/etc/resolv.conf" ] || return 0
	for dns in ${overlay_dns}; do
		printf 'nameserver %s\n' "${dns}"
	done >"${rootmnt}/etc/resolv.conf"
}

# Where the running system says that it is up.
handover_checkin()
{
	rm -f "${overlay_run}/transfer.err" "${overlay_run}/layers.answer"
	[ -z "${overlay_checkin}" ] || printf '%s\n' "${overlay_checkin}" >"${overlay_run}/checkin"
}
