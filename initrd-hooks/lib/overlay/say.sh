# Words for the person at the screen, kept for the report to the server.	-*- shell-script -*-

overlay_run=${overlay_run:-/run/overlay}

# say <words>: one line on the console and in the log, whether or not the kernel is quiet.
say()
{
	printf 'overlay: %s\n' "$*"
	printf '%s\n' "$*" >>"${overlay_run}/log"
}

# fail <words>: why this step cannot go on. Always false, so that `... || fail "…"` ends a function's last line.
fail()
{
	overlay_why=$*
	return 1
}

# log_tail: the newest lines of the log, within what a check-in may carry.
log_tail()
{
	tail -n 40 "${overlay_run}/log" 2>/dev/null | tail -c 6144
}

# megabytes <bytes>: whole MB (10^6), rounded up.
megabytes()
{
	echo $((($1 + 999999) / 1000000))
}

# uptime_s: whole seconds since the kernel started; never jumps, unlike the wall clock.
uptime_s()
{
	local up
	read -r up _ <"${overlay_proc:-/proc}/uptime"
	echo "${up%%.*}"
}
