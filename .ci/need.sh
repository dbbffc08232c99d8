# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The Debian packages behind the newcomer's two commands: bench/run and
# tests/run source this and name what they need.  When nothing is missing it
# says nothing and touches no network.
#
#	need_for='the benchmarks'	what the packages are for
#	need PACKAGE...			install what is missing, or explain and fail
#	want PACKAGE...			the same, but name what cannot be had and go on

need_is_debian()
{
	command -v dpkg-query >/dev/null && command -v apt-get >/dev/null
}

need_missing()
{
	for need_one; do
		dpkg-query -W -f '${db:Status-Status}\n' "$need_one" \
		    2>/dev/null | grep -qx installed || echo "$need_one"
	done
}

need_apt_get()
{
	set -- env DEBIAN_FRONTEND=noninteractive apt-get -qq \
	    -o DPkg::Lock::Timeout=120 "$@"
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "not root, and there is no sudo"
		return 1
	fi </dev/null
}

need_install()
{
	need_apt_get install -y --no-install-recommends "$@"
}

# Install what is missing, with apt's lists as they are or else fresh ones, and
# print what stays missing.
need_try()
{
	set -- $(need_missing "$@")
	[ $# -gt 0 ] || return 0
	echo "installing for ${need_for:-$0}: $*" >&2
	need_said=$(need_install "$@" 2>&1 ||
	    { need_apt_get update && need_install "$@"; } 2>&1) ||
	    printf '%s\n' "$need_said" | tail -n 5 >&2
	need_missing "$@"
}

need()
{
	if ! need_is_debian; then
		echo "not a Debian system; ${need_for:-$0} expects: $*" >&2
		return 0
	fi
	set -- $(need_try "$@")
	[ $# -gt 0 ] || return 0
	echo "${need_for:-$0}: cannot install $*" >&2
	echo "as root: apt-get update && apt-get install $*" >&2
	return 1
}

want()
{
	need_is_debian || return 0
	set -- $(need_try "$@")
	[ $# -gt 0 ] || return 0
	# One name that apt does not know has stopped the others.
	need_known=$(for need_one; do
		! apt-cache show "$need_one" >/dev/null 2>&1 || echo "$need_one"
	done)
	if [ "$(echo $need_known)" != "$*" ]; then
		need_try $need_known >/dev/null
		set -- $(need_missing "$@")
	fi
	[ $# -eq 0 ] || echo "${need_for:-$0}: going on without $*" >&2
}
