# The squashfs layers of this boot, bottom first, fetched into RAM and compared with their digests.	-*- shell-script -*-

# What a running system needs beside its layers: room to write, and room to work.
LAYERS_UPPER_MINIMUM=67108864
LAYERS_HEADROOM=134217728

# Asks the server which layers, makes sure that they fit, and fetches them.
layers_get()
{
	layers_list && layers_fit && layers_room && layers_fetch || return
	overlay_detail="$(megabytes "${overlay_total}") MB in RAM, layers: ${overlay_count}"
}

# <overlay.layers> has one layer a line: `<sha256> <bytes> <name>`, and may say more after it.
# Sets overlay_count and overlay_total; keeps the lines in /run/overlay/layers.list.
layers_list()
{
	local digest bytes name

	transfer_text "${overlay_layers}" "${overlay_run}/layers.answer" || return
	overlay_count=0 overlay_total=0
	: >"${overlay_run}/layers.list"
	while read -r digest bytes name _; do
		is_layer "${digest}" "${bytes}" "${name}" ||
			fail "${overlay_layers} has a line that is no layer: $(printf '%.40s' "${digest} ${bytes} ${name}")" || return
		printf '%s %s %s\n' "${digest}" "${bytes}" "${name}" >>"${overlay_run}/layers.list"
		overlay_count=$((overlay_count + 1))
		overlay_total=$((overlay_total + bytes))
	done <"${overlay_run}/layers.answer"
	[ "${overlay_count}" -gt 0 ] || fail "${overlay_layers} names no layer"
}

# is_layer <sha256> <bytes> <name>
is_layer()
{
	case $1 in
	*[!0-9a-f]*) return 1 ;;
	esac
	case $2 in
	'' | 0* | *[!0-9]* | ???????????????*) return 1 ;;
	esac
	case /$3/ in
	// | */../* | *[!A-Za-z0-9/._-]*) return 1 ;;
	esac
	[ ${#1} -eq 64 ]
}

# Before a byte of a layer is fetched: is there room for all of it and a system on top?
layers_fit()
{
	local needs has already=0 digest

	# What an earlier attempt of this boot left behind counts as there.
	while read -r digest _; do
		already=$((already + $(size_of "${overlay_run}/layers/${digest}")))
	done <"${overlay_run}/layers.list"
	needs=$((overlay_total + LAYERS_UPPER_MINIMUM + LAYERS_HEADROOM))
	has=$(($(memory_bytes MemAvailable) + already))
	[ "${has}" -ge "${needs}" ] ||
		fail "not enough memory: needs $(megabytes "${needs}") MB, has $(megabytes "${has}") MB free of" \
			"$(megabytes "$(memory_bytes MemTotal)") MB (layers $(megabytes "${overlay_total}") MB, room to write" \
			"$(megabytes "${LAYERS_UPPER_MINIMUM}") MB, the system $(megabytes "${LAYERS_HEADROOM}") MB)"
}

# memory_bytes <field of /proc/meminfo>
memory_bytes()
{
	local name kib

	while read -r name kib _; do
		if [ "${name}" = "$1:" ]; then
			echo $((kib * 1024))
			return
		fi
	done <"${overlay_proc:-/proc}/meminfo"
	echo 0
}

# A tmpfs of exactly the layers' size (and a page each): a layer that grows beyond what was announced stops there.
layers_room()
{
	local size=$((overlay_total + 4096 * overlay_count))

	mkdir -p "${overlay_run}/layers"
	if is_mounted "${overlay_run}/layers"; then
		mount -o "remount,size=${size}" "${overlay_run}/layers"
	else
		mount -t tmpfs -o "size=${size},mode=0755,nodev,nosuid,noexec" overlay-layers "${overlay_run}/layers"
	fi || fail "cannot make room for $(megabytes "${overlay_total}") MB of layers"
}

layers_fetch()
{
	local server digest bytes name

	# The names are the server's own: they belong after its scheme and authority.
	server=${overlay_layers#*://}
	server=${overlay_layers%%://*}://${server%%/*}
	overlay_before=0
	while read -r digest bytes name; do
		transfer_file "${server}/${name}" "${overlay_run}/layers/${digest}" "${bytes}" </dev/null || return
		overlay_before=$((overlay_before + bytes))
	done <"${overlay_run}/layers.list"
}

# A layer that is not what the server named is refused and thrown away.
layers_verify()
{
	local file digest bytes sum number=0

	while read -r digest bytes _; do
		number=$((number + 1))
		file=${overlay_run}/layers/${digest}
		sum=$(sha256sum "${file}") || fail "cannot read ${file}" || return
		sum=${sum%% *}
		if [ "${sum}" != "${digest}" ] || [ "$(size_of "${file}")" -ne "${bytes}" ]; then
			rm -f "${file}"
			fail "layer ${number} of ${overlay_count} is corrupt: its sha256 is ${sum}, not ${digest}"
			return
		fi
	done <"${overlay_run}/layers.list"
	overlay_detail="sha256 of ${overlay_count} as announced"
}
