#!/bin/sh
# Publishes the image that was built outside, and has every machine boot it. Done again, it only promotes what is new.
set -eu

image=${IMAGE:?}
build=/images/$image
[ -e "$build/root.squashfs" ] || {
	echo "There is no $image yet; on the host: sudo npx rootcast image build $image" >&2
	exit 2
}
set --
# build.json has the kernel arguments, one JSON string each.
for argument in $(node -p "JSON.parse(fs.readFileSync('$build/build.json', 'utf8')).arguments.join('\n')"); do
	set -- "$@" --argument "$argument"
done
rootcast image publish "$image" --kernel "$build/kernel" --initrd "$build/initrd" --layer "$build/root.squashfs" \
	"$@" --promote stable
rootcast group add default --image "$image" --channel stable || rootcast group set default --image "$image" --channel stable
