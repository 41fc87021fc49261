# Squashfs layers read-only below, a tmpfs on top, one overlay.	-*- shell-script -*-

# Mounts each layer at /run/overlay/lower, or at /run/overlay/lower/1 (the bottom), /2, … when there are several.
# Sets overlay_lower, in overlayfs's order: the top first.
layers_mount()
{
	local digest device place number=0

	modprobe -q -a loop squashfs overlay
	overlay_lower=''
	while read -r digest _; do
		number=$((number + 1))
		place=${overlay_run}/lower
		[ "${overlay_count}" -eq 1 ] || place=${place}/${number}
		mkdir -p "${place}"
		device=$(losetup -f) && losetup -r "${device}" "${overlay_run}/layers/${digest}" ||
			fail "layer ${number} of ${overlay_count}: no loop device" || return
		mount -t squashfs -o ro "${device}" "${place}" ||
			fail "layer ${number} of ${overlay_count} cannot be mounted as squashfs: is it one, in a compression that this kernel reads?" ||
			return
		overlay_lower=${place}${overlay_lower:+:${overlay_lower}}
	done <"${overlay_run}/layers.list"
	overlay_detail="${overlay_count} read-only"
}

# The merged root at ${rootmnt}; its upper stays visible as /run/overlay/upper.
overlay_mount()
{
	local tmpfs="${overlay_run}/tmpfs"

	mkdir -p "${tmpfs}" "${overlay_run}/upper"
	mount -t tmpfs -o "size=${overlay_size:-50%},mode=0755" overlay-upper "${tmpfs}" ||
		fail "cannot make a tmpfs of ${overlay_size:-50%}" || return
	mkdir -m 0755 "${tmpfs}/upper" "${tmpfs}/work"
	mount -t overlay -o "lowerdir=${overlay_lower},upperdir=${tmpfs}/upper,workdir=${tmpfs}/work" overlay "${rootmnt:?}" ||
		fail "cannot mount the overlay of ${overlay_lower}" || return
	mount -o bind "${tmpfs}/upper" "${overlay_run}/upper" || fail "cannot show the upper" || return
	overlay_detail="upper of ${overlay_size:-50%}"
}

# What an attempt that failed left mounted. Fetched layers stay: the next attempt goes on from there.
mounts_undo()
{
	local device

	for place in "${rootmnt:?}" "${overlay_run}/upper" "${overlay_run}/tmpfs" "${overlay_run}"/lower/* "${overlay_run}/lower"; do
		is_mounted "${place}" || continue
		device=$(mount_source "${place}")
		umount "${place}"
		case ${device} in
		/dev/loop*) losetup -d "${device}" ;;
		esac
	done
}

is_mounted()
{
	[ -n "$(mount_source "$1")" ]
}

# mount_source <place>: prints what is mounted there, or nothing.
mount_source()
{
	local source place

	while read -r source place _; do
		if [ "${place}" = "$1" ]; then
			echo "${source}"
			return
		fi
	done <"${overlay_proc:-/proc}/mounts"
}
