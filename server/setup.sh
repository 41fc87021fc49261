#!/bin/sh
# Readies a fresh clone: npm packages, then the Debian packages of one purpose. Quick and quiet when nothing is missing.
#
#   sh server/setup.sh check|serve|lab|test|bench     (check: npm packages only)
#
# npm runs this under the machine's own Node, before any npm package is there. Exit status: 0 ready, 2 something is
# missing that only the administrator can mend, anything else: an installation failed.
set -eu

PACKAGE_LIST=config/debian-packages.txt
POLICY=/usr/sbin/policy-rc.d

main()
{
	cd "$(dirname "$0")/.."
	case "${1-}" in
		check) purposes='' ;;
		serve) purposes='serve' ;;
		lab) purposes='serve lab' ;;
		test) purposes='serve lab test' ;;
		bench) purposes='serve lab test bench' ;;
		*)
			echo "usage: sh server/setup.sh check|serve|lab|test|bench" >&2
			exit 2
			;;
	esac
	ready_npm_packages
	case "$1" in
		check | test) ready_tap ;;
	esac
	[ -z "$purposes" ] || ready_debian_packages
}

ready_npm_packages()
{
	installed=node_modules/.package-lock.json
	[ -e "$installed" ] && [ -z "$(find package-lock.json -newer "$installed")" ] && return
	echo "Installing npm packages…" >&2
	npm ci --no-progress --loglevel=error >&2
}

# Until it is built for the plugins that package.json names, tap runs with others, and no test starts. What was built lies
# in node_modules, which npm may have made anew since.
ready_tap()
{
	built=.tap/plugins
	[ -d $built ] && [ -n "$(find $built -prune -newer node_modules/.package-lock.json)" ] && return
	node_modules/.bin/tap build >/dev/null
	touch $built
}

ready_debian_packages()
{
	wanted=$(packages_for "$purposes")
	if ! command -v dpkg-query >/dev/null; then
		echo "This is not a Debian system; rootcast needs what these Debian packages hold:" >&2
		list "$wanted"
		exit 2
	fi
	missing=$(missing_of "$wanted")
	[ -n "$missing" ] || return 0

	echo "Missing Debian packages:" >&2
	list "$missing"
	if [ "$(id -u)" -ne 0 ]; then
		echo "Install them as root, then run this again:" >&2
		echo "  apt-get install -y --no-install-recommends $(join "$missing")" >&2
		exit 2
	fi
	install_packages "$missing"
}

packages_for()
{
	while read -r package purpose _; do
		case "$package: $1 " in
			'#'*) ;;
			*" $purpose "*) echo "$package" ;;
		esac
	done <"$PACKAGE_LIST"
}

missing_of()
{
	# dpkg-query fails when any name is unknown to it, and lists the others all the same.
	# shellcheck disable=SC2086 # one word for each package
	there=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $1 2>/dev/null || true)
	for package in $1; do
		echo "$there" | grep -qx "installed $package" || echo "$package"
	done
}

install_packages()
{
	# Packages of servers start them as they are installed: a DHCP server let loose on this network, for one.
	if [ ! -e "$POLICY" ]; then
		trap 'rm -f "$POLICY"' EXIT
		trap 'exit 129' HUP
		trap 'exit 130' INT
		trap 'exit 143' TERM
		printf '#!/bin/sh\nexit 101\n' >"$POLICY"
		chmod 755 "$POLICY"
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q -o DPkg::Lock::Timeout=300 update >&2
	# shellcheck disable=SC2086 # one word for each package
	apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $1 >&2
}

list()
{
	for package in $1; do
		sed -n "s/^$package  *[a-z]*  *\(.*\)/  $package: \1/p" "$PACKAGE_LIST" >&2
	done
}

join()
{
	echo "$1" | tr '\n' ' ' | sed 's/ $//'
}

main "$@"
