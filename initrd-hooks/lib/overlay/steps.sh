# One boot as a chain of steps.	-*- shell-script -*-

overlay_lib=${OVERLAY_LIB:-/lib/overlay}
# shellcheck source=lib/overlay/say.sh
. "${overlay_lib}/say.sh"
# shellcheck source=lib/overlay/arguments.sh
. "${overlay_lib}/arguments.sh"
# shellcheck source=lib/overlay/checkin.sh
. "${overlay_lib}/checkin.sh"
# shellcheck source=lib/overlay/network.sh
. "${overlay_lib}/network.sh"
# shellcheck source=lib/overlay/transfer.sh
. "${overlay_lib}/transfer.sh"
# shellcheck source=lib/overlay/layers.sh
. "${overlay_lib}/layers.sh"
# shellcheck source=lib/overlay/mount.sh
. "${overlay_lib}/mount.sh"
# shellcheck source=lib/overlay/handover.sh
. "${overlay_lib}/handover.sh"

# The whole chain, from the beginning. On failure overlay_step and overlay_why say where and why it stopped.
steps_run()
{
	mkdir -p "${overlay_run}/checkins"
	mounts_undo

	step arguments arguments_read &&
		step network network_up &&
		step layers layers_get &&
		step verify layers_verify &&
		step mount layers_mount &&
		step overlay overlay_mount &&
		step handover handover_write
}

# step <name> <function>: the function sets overlay_detail (one line, for the timeline) or fails with a reason.
step()
{
	overlay_step=$1 overlay_detail='' overlay_why=''
	checkin "$1" started </dev/null

	if "$2"; then
		[ -z "${overlay_detail}" ] || say "$1: ${overlay_detail}"
		checkin "$1" ok <<-END
			${overlay_detail}
		END
		return 0
	fi

	overlay_why=${overlay_why:-it gave no reason}
	say "$1 FAILED: ${overlay_why}"
	# Before panic: with panic=N on the kernel line the machine reboots from there.
	checkin "$1" failed <<-END
		${overlay_why}
		$(log_tail)
	END
	return 1
}
