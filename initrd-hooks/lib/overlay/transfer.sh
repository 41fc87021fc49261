# Getting one file by HTTP or TFTP, with bounded retries.	-*- shell-script -*-

# Attempts in a row that moved no byte, before giving up; the pauses between them add up to more than a minute.
TRANSFER_ATTEMPTS=${TRANSFER_ATTEMPTS:-8}
# Seconds without a byte after which a connection counts as dead: busybox wget has no time-out of its own.
TRANSFER_STALL_S=${TRANSFER_STALL_S:-20}

# transfer_text <url> <file>: something small, whole or not at all.
transfer_text()
{
	local attempt=1

	while :; do
		rm -f "$2"
		if (transfer_exec "$2" "$1" timeout "${TRANSFER_STALL_S}") && [ -s "$2" ]; then
			return 0
		fi
		transfer_pause "$1" "${attempt}" || return
		attempt=$((attempt + 1))
	done
}

# transfer_file <url> <file> <bytes>: resumes what is there (HTTP) or begins again (TFTP cannot resume).
# It is hashed afterwards: busybox tee moves a kilobyte at a time, which costs more than reading the file once again.
transfer_file()
{
	local attempt=1 before after

	after=$(size_of "$2")
	while [ "${after}" -ne "$3" ]; do
		before=${after}
		transfer_attempt "$1" "$2" "$3"
		after=$(size_of "$2")
		if [ "${after}" -gt "$3" ]; then
			rm -f "$2"
			fail "$1 is longer than the $3 bytes announced"
			return
		fi
		[ "${after}" -ne "$3" ] || break
		[ "${after}" -le "${before}" ] || attempt=1
		transfer_pause "$1" "${attempt}" || return
		attempt=$((attempt + 1))
	done
}

transfer_attempt()
{
	local fetcher watcher

	case $1 in
	tftp://*) rm -f "$2" ;;
	esac
	[ ! -s "$2" ] || say "resuming at $(megabytes "$(size_of "$2")") of $(megabytes "$3") MB"

	transfer_exec "$2" "$1" &
	fetcher=$!
	transfer_watch "${fetcher}" "$2" &
	watcher=$!
	wait "${fetcher}"
	# Its last check-in has left before the next step's first.
	kill "${watcher}" 2>/dev/null
	wait "${watcher}" 2>/dev/null
}

# transfer_exec <file> <url> [<command that runs it>...]: becomes the program that fetches.
transfer_exec()
{
	local file="$1" url="$2" authority
	shift 2

	exec 2>"${overlay_run}/transfer.err"
	case ${url} in
	http://*) exec "$@" wget -q -c -O "${file}" "${url}" ;;
	tftp://*)
		authority=${url#tftp://}
		url=${authority#*/}
		authority=${authority%%/*}
		case ${authority} in
		[[]*[]]) exec "$@" tftp -g -b 1468 -l "${file}" -r "${url}" "${authority}" ;;
		*:*) exec "$@" tftp -g -b 1468 -l "${file}" -r "${url}" "${authority%:*}" "${authority##*:}" ;;
		*) exec "$@" tftp -g -b 1468 -l "${file}" -r "${url}" "${authority}" ;;
		esac
		;;
	esac
}

# transfer_watch <pid> <file>: tells how far the transfer is, and ends one that has gone quiet.
transfer_watch()
{
	local size last=0 quiet_s=0 told=0

	trap 'exit 0' TERM
	while :; do
		sleep 1 &
		wait $!
		size=$(size_of "$2")
		if [ "${size}" -gt "${last}" ]; then
			last=${size} quiet_s=0
			# At most one a second, and each ten per cent.
			if [ $((10 * (overlay_before + size) / overlay_total)) -gt "${told}" ]; then
				told=$((10 * (overlay_before + size) / overlay_total))
				transfer_tell $((overlay_before + size))
			fi
		elif [ "${quiet_s}" -ge "${TRANSFER_STALL_S}" ]; then
			echo "no byte for ${TRANSFER_STALL_S} s" >"${overlay_run}/transfer.err"
			kill "$1"
			exit 0
		else
			quiet_s=$((quiet_s + 1))
		fi
	done
}

# transfer_tell <bytes of all layers so far>
transfer_tell()
{
	local words
	words="$(megabytes "$1") of $(megabytes "${overlay_total}") MB"
	say "${words}"
	checkin layers progress "$1" "${overlay_total}" <<-END
		${words}
	END
}

# transfer_pause <url> <attempt>: says what went wrong, then waits 1, 2, 4 … 16 s; false after the last attempt.
transfer_pause()
{
	local why='' seconds=$((1 << ($2 - 1)))

	[ ! -s "${overlay_run}/transfer.err" ] || read -r why <"${overlay_run}/transfer.err"
	why=${why:-the connection ended early}
	if [ "$2" -ge "${TRANSFER_ATTEMPTS}" ]; then
		fail "cannot get $1 in $2 attempts: ${why}"
		return
	fi
	[ "${seconds}" -le 16 ] || seconds=16
	say "$1: ${why}: attempt $(($2 + 1)) of ${TRANSFER_ATTEMPTS} in ${seconds} s"
	sleep "${seconds}"
}

# size_of <file>: its bytes, 0 when it is not there. (Debian's busybox has no stat.)
size_of()
{
	local listing='' size

	[ ! -f "$1" ] || listing=$(ls -ln "$1")
	read -r _ _ _ _ size _ <<-END
		${listing:-- - - - 0}
	END
	echo "${size}"
}
