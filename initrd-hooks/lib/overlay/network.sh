# The network card that booted, brought up once.	-*- shell-script -*-
# Given a full ip= or overlay.ip6=, the lease that the firmware got is used as it is: no further DHCP exchange.

# How long to wait for a card, for its link, for a lease: a switch with spanning tree forwards nothing for 30 to 50 s.
NETWORK_PATIENCE_S=${NETWORK_PATIENCE_S:-90}

# Sets overlay_device, overlay_address, overlay_prefix, overlay_router, overlay_hostname, overlay_dns.
network_up()
{
	overlay_online=''
	network_facts "${overlay_ip}" || return
	network_wait "network card ${overlay_mac}" network_find || fail "no network card has the address ${overlay_mac}: this machine has $(network_cards)" || return
	ip link set dev "${overlay_device}" up || fail "cannot switch ${overlay_device} on" || return
	network_wait "a link on ${overlay_device}" network_carrier || fail "${overlay_device} has no link: is the cable in?" || return
	if [ -n "${overlay_ip6}" ]; then
		network_configure6 || return
	else
		[ -n "${overlay_address}" ] || network_lease || return
		network_configure || return
	fi
	overlay_online=y
	checkins_send
	overlay_detail="${overlay_device} ${overlay_address}/${overlay_prefix}"
}

# network_facts <value of ip=>: client:server:router:netmask:hostname:device:method:dns0:dns1:ntp, or dhcp.
network_facts()
{
	local rest="$1" client router netmask hostname dns0 dns1

	overlay_address='' overlay_prefix='' overlay_router='' overlay_hostname='' overlay_dns=''
	case ${rest} in
	'' | dhcp | on | any) return 0 ;;
	esac
	IFS=: read -r client _ router netmask hostname _ _ dns0 dns1 _ <<-END
		${rest}
	END
	if [ -n "${client}" ]; then
		is_ipv4 "${client}" || fail "ip=${rest}: ${client} is not an address" || return
		overlay_address=${client}
		overlay_prefix=$(prefix_of_netmask "${netmask}") || fail "ip=${rest}: ${netmask} is not a netmask" || return
	fi
	network_extras "${router}" "${hostname}" "${dns0}" "${dns1}"
}

# network_extras <router> <hostname> <dns>...: keeps those that are well-formed; none of them is needed to boot.
network_extras()
{
	! is_ipv4 "$1" || [ "$1" = 0.0.0.0 ] || overlay_router=$1
	! is_hostname "$2" || overlay_hostname=$2
	shift 2
	while [ $# -gt 0 ]; do
		! is_ipv4 "$1" || [ "$1" = 0.0.0.0 ] || overlay_dns="${overlay_dns:+${overlay_dns} }$1"
		shift
	done
}

# network_wait <for what> <test>: once a second until the test holds, with text every ten seconds.
network_wait()
{
	local begun now told

	begun=$(uptime_s)
	told=${begun}
	until "$2"; do
		now=$(uptime_s)
		[ $((now - begun)) -lt "${NETWORK_PATIENCE_S}" ] || return 1
		if [ $((now - told)) -ge 10 ]; then
			say "waiting for $1 ($((now - begun)) of ${NETWORK_PATIENCE_S} s)"
			told=${now}
		fi
		sleep 1
	done
}

# Only ever the card with BOOTIF's address: with several in the machine, the first one is the wrong one.
network_find()
{
	local file address

	for file in "${overlay_sys:-/sys}"/class/net/*/address; do
		address=''
		[ ! -r "${file}" ] || read -r address <"${file}"
		if [ "${address}" = "${overlay_mac}" ]; then
			file=${file%/address}
			overlay_device=${file##*/}
			return 0
		fi
	done
	return 1
}

network_cards()
{
	local file address cards=''

	for file in "${overlay_sys:-/sys}"/class/net/*/address; do
		address=''
		[ ! -r "${file}" ] || read -r address <"${file}"
		[ "${address:-00:00:00:00:00:00}" = 00:00:00:00:00:00 ] || cards="${cards:+${cards}, }${address}"
	done
	echo "${cards:-none (is its driver in the initramfs?)}"
}

network_carrier()
{
	local carrier=0

	read -r carrier 2>/dev/null <"${overlay_sys:-/sys}/class/net/${overlay_device}/carrier"
	[ "${carrier}" = 1 ]
}

# A lease under the card's own address as identity (udhcpc's client id is 01 and the MAC), as the firmware's was.
network_lease()
{
	modprobe -q af_packet
	network_wait "a DHCP lease on ${overlay_device}" lease_try ||
		fail "no DHCP server gave ${overlay_mac} an address within ${NETWORK_PATIENCE_S} s"
}

lease_try()
{
	local name value router='' hostname='' dns=''

	rm -f "${overlay_run}/lease"
	overlay_lease=${overlay_run}/lease udhcpc -i "${overlay_device}" -f -n -q -t 4 -T 2 -A 1 \
		-O hostname -s "${overlay_lib}/lease.sh" >/dev/null 2>&1
	[ -r "${overlay_run}/lease" ] || return 1

	while read -r name value; do
		case ${name} in
		ip) ! is_ipv4 "${value}" || overlay_address=${value} ;;
		subnet) overlay_prefix=$(prefix_of_netmask "${value}") ;;
		router) router=${value%% *} ;;
		hostname) hostname=${value} ;;
		dns) dns=${value} ;;
		esac
	done <"${overlay_run}/lease"
	rm -f "${overlay_run}/lease"
	network_extras "${router}" "${hostname}" "${dns%% *}" "${dns##* }"
	[ -n "${overlay_address}" ] && [ -n "${overlay_prefix}" ]
}

network_configure()
{
	ip addr flush dev "${overlay_device}"
	ip addr add "${overlay_address}/${overlay_prefix}" broadcast + dev "${overlay_device}" ||
		fail "cannot give ${overlay_device} the address ${overlay_address}/${overlay_prefix}" || return
	[ -z "${overlay_router}" ] || ip route add default via "${overlay_router}" dev "${overlay_device}" ||
		say "cannot route through ${overlay_router}: going on without"
}

# Where there is nothing but IPv6. Which router to go through, routers tell the kernel.
network_configure6()
{
	overlay_address=${overlay_ip6%/*} overlay_prefix=${overlay_ip6#*/}
	ip -6 addr flush dev "${overlay_device}" scope global
	ip -6 addr add "${overlay_ip6}" dev "${overlay_device}" ||
		fail "cannot give ${overlay_device} the address ${overlay_ip6}" || return
	network_wait "word that ${overlay_address} is nobody else's" network_settled ||
		fail "somebody else has the address ${overlay_address}"
}

# An address can't be spoken from while the kernel asks whether a neighbour has it (RFC 4862 §5.4).
network_settled()
{
	case $(ip -6 addr show dev "${overlay_device}") in
	*tentative* | *dadfailed*) return 1 ;;
	esac
}

# is_ipv4 <text>
is_ipv4()
{
	local a b c d rest octet

	case $1 in
	'' | *[!0-9.]*) return 1 ;;
	esac
	IFS=. read -r a b c d rest <<-END
		$1
	END
	[ -z "${rest}" ] || return 1
	for octet in "${a}" "${b}" "${c}" "${d}"; do
		case ${octet} in
		'' | ????* | 0?*) return 1 ;;
		esac
		[ "${octet}" -le 255 ] || return 1
	done
}

# is_hostname <text>: letters, digits and inner hyphens, at most 63 (RFC 1123 §2.1).
is_hostname()
{
	case $1 in
	'' | -* | *- | *[!A-Za-z0-9-]*) return 1 ;;
	esac
	[ ${#1} -le 63 ]
}

# prefix_of_netmask 255.255.252.0: prints 22.
prefix_of_netmask()
{
	local a b c d host prefix=32

	is_ipv4 "$1" || return 1
	IFS=. read -r a b c d <<-END
		$1
	END
	host=$((0xffffffff ^ (a << 24 | b << 16 | c << 8 | d)))
	# A netmask is ones, then zeros: what it leaves to the hosts is one less than a power of two.
	[ $((host & (host + 1))) -eq 0 ] || return 1
	while [ "${host}" -gt 0 ]; do
		host=$((host >> 1))
		prefix=$((prefix - 1))
	done
	echo "${prefix}"
}
