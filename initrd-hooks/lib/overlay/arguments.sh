# What the kernel's command line asks for.	-*- shell-script -*-
# Never evaluated: each value is compared with the characters that it may be made of, then only ever quoted.

# Sets overlay_layers overlay_boot overlay_checkin overlay_size overlay_mac overlay_ip overlay_ip6.
arguments_read()
{
	local rest argument

	overlay_layers='' overlay_boot='' overlay_checkin='' overlay_size='' overlay_mac='' overlay_ip=dhcp overlay_ip6=''
	read -r rest <"${overlay_proc:-/proc}/cmdline" || [ -n "${rest}" ] || fail "cannot read /proc/cmdline" || return

	while [ -n "${rest}" ]; do
		argument=${rest%%[[:space:]]*}
		[ "${argument}" = "${rest}" ] && rest='' || rest=${rest#*[[:space:]]}
		arguments_take "${argument}" || return
	done

	[ -n "${overlay_layers}" ] || fail "overlay.layers= is missing: no root to fetch" || return
	[ -n "${overlay_mac}" ] || fail "BOOTIF= is missing: which network card booted?" || return
	overlay_detail="BOOTIF=${overlay_mac} ip=${overlay_ip6:-${overlay_ip}}"
}

# arguments_take <word>: the last one of a name wins, as with the kernel's own.
arguments_take()
{
	local value="${1#*=}"

	case $1 in
	overlay.layers=*)
		is_url "${value}" http tftp || fail "overlay.layers=${value} is not an http:// or tftp:// URL" || return
		overlay_layers=${value}
		;;
	overlay.checkin=*)
		is_url "${value}" http || fail "overlay.checkin=${value} is not an http:// URL" || return
		overlay_checkin=${value}
		;;
	overlay.boot=*)
		case ${value} in
		'' | *[!a-z0-9]*) fail "overlay.boot=${value} is not a boot id" || return ;;
		esac
		overlay_boot=${value}
		;;
	overlay.size=*)
		is_size "${value}" || fail "overlay.size=${value} is not a size: write 50%, 800m or 2g" || return
		overlay_size=${value}
		;;
	overlay.ip6=*)
		is_ipv6_prefix "${value}" || fail "overlay.ip6=${value} is not an IPv6 address with its prefix length" || return
		overlay_ip6=${value}
		;;
	overlay.*)
		# A newer server may say more than an older image knows.
		say "${1%%=*} is not an argument that this initramfs knows: ignored"
		;;
	BOOTIF=*)
		overlay_mac=$(mac_of_bootif "${value}") || fail "BOOTIF=${value} is not 01- and six hexadecimal pairs" || return
		;;
	ip=*)
		overlay_ip=${value}
		;;
	esac
}

# is_url <text> <scheme>...: scheme://host[:port]/path, without a character that would need escaping. IPv6 in brackets.
is_url()
{
	local url="$1" authority
	shift

	case ${url} in
	*://[[]*[!0-9a-f:]*[]]* | *://[[][]]*) return 1 ;;
	*://[[]*[]]*) url="${url%%[[]*}ipv6${url#*[]]}" ;;
	esac
	case ${url} in
	*[!A-Za-z0-9.:/_-]* | */../* | */..) return 1 ;;
	esac
	while [ $# -gt 0 ]; do
		case ${url} in
		"$1"://?*/?*)
			authority=${url#*://}
			authority=${authority%%/*}
			case ${authority} in
			'' | *:*:* | :* | *: | -*) return 1 ;;
			*:*[!0-9]*) return 1 ;;
			esac
			return 0
			;;
		esac
		shift
	done
	return 1
}

# is_ipv6_prefix <text>: as the kernel prints it, such as fd00:77::1/64.
is_ipv6_prefix()
{
	case $1 in
	*[!0-9a-f:/]* | */*/* | *:::*) return 1 ;;
	*:*/[1-9] | *:*/[1-9][0-9] | *:*/1[0-2][0-9]) ;;
	*) return 1 ;;
	esac
}

# is_size <text>: what tmpfs takes for size=.
is_size()
{
	case ${1%[%kKmMgG]} in
	'' | 0* | *[!0-9]*) return 1 ;;
	esac
}

# mac_of_bootif 01-52-54-00-AA-BB-CC: prints 52:54:00:aa:bb:cc (01 is Ethernet's hardware type).
mac_of_bootif()
{
	case $1 in
	01-[!-][!-]-[!-][!-]-[!-][!-]-[!-][!-]-[!-][!-]-[!-][!-]) ;;
	*) return 1 ;;
	esac
	case $1 in
	*[!0-9A-Fa-f-]*) return 1 ;;
	esac
	printf '%s\n' "${1#01-}" | tr 'A-F' 'a-f' | tr - :
}
