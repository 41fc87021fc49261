# Telling the server how far this boot got: POST <overlay.checkin>, `<step> <outcome> [<done> <total>]`, then words.	-*- shell-script -*-
# Best effort: a server that does not listen never holds a boot up for longer than a few seconds, nor fails it.

# checkin <step> <started|progress|ok|failed> [<done bytes> <total bytes>], detail on stdin.
# What happens before the network is up is kept and sent, in its order, once it is.
checkin()
{
	local file

	[ -n "${overlay_checkin:-}" ] || [ "$1" = arguments ] || return 0
	overlay_sequence=$((${overlay_sequence:-1000} + 1))
	file=${overlay_run}/checkins/${overlay_sequence}
	{ printf '%s\n' "$*" && cat; } >"${file}" 2>/dev/null || return 0
	[ -z "${overlay_online:-}" ] || checkins_send
}

# Sends what waits. After three silent failures in a row only failures are still tried.
checkins_send()
{
	local file

	for file in "${overlay_run}"/checkins/*; do
		[ -f "${file}" ] || continue
		checkin_post "${file}"
		rm -f "${file}"
	done
}

checkin_post()
{
	local first

	[ -n "${overlay_checkin}" ] || return 0
	read -r first <"$1"
	case ${first} in
	*' failed') ;;
	*) [ "${overlay_unheard:-0}" -lt 3 ] || return 0 ;;
	esac
	# busybox wget has no time-out of its own.
	if timeout 5 wget -q -O /dev/null --post-file "$1" "${overlay_checkin}" 2>/dev/null; then
		overlay_unheard=0
	else
		overlay_unheard=$((${overlay_unheard:-0} + 1))
	fi
}
