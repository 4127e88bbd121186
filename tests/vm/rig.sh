# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the rigs have in common; sourced by them. A rig is a folder in the user's
# cache, named by the hash of its recipe: another recipe is another folder, and
# what is there is complete. The rig's script sets, before it calls anything:
#
#   rig_name     "qemu"
#   rig_recipe   everything that decides what is inside
#
# and then, by rig_init, has: self, repo, rig (its folder).
set -euo pipefail

# A rolling suite outlives the validity date of a mirror's snapshot.
RIG_APTOPT='Acquire::Check-Valid-Until "false"'

rig_init() {
	self=$(realpath "$0")
	repo=$(realpath "$(dirname "$self")/../..")
	rig_cache=${XDG_CACHE_HOME:-$HOME/.cache}/tern
	rig=$rig_cache/$rig_name-$(sha256sum <<<"$rig_recipe" | cut -c1-12)
}

say() { printf 'rig-%s: %s\n' "$rig_name" "$*" >&2; }
die() { say "$*"; exit 1; }

# Prints the comment at the head of the rig's script, from its third line on.
rig_usage() {
	sed -n '4,/^$/s/^# \{0,1\}//p' "$self" >&2
	exit 2
}

# The address of the Debian archive this machine already uses.
rig_mirror() {
	# shellcheck disable=SC2016 # apt's own variable
	local list=(apt-get indextargets --format '$(REPO_URI)') uri

	uri=$({
		"${list[@]}" 'Created-By: Packages' 'Label: Debian'
		"${list[@]}" 'Created-By: Packages'
	} | sed -n 1p)
	[ -n "$uri" ] || die "apt knows no package archive: run apt-get update"
	printf '%s\n' "$uri"
}

# Makes the rig by calling FUNCTION with an empty folder to fill, unless it is
# there. One builder at a time; what fails leaves nothing behind.
rig_make() { # FUNCTION TEXT
	local start=$SECONDS tmp

	[ ! -d "$rig" ] || return 0
	mkdir -p "$rig_cache"
	exec 9>"$rig.lock"
	flock 9
	if [ -d "$rig" ]; then # somebody else made it while we waited
		exec 9>&-
		return 0
	fi
	say "building $2"
	tmp=$(mktemp -d "$rig.XXXXXX")
	# shellcheck disable=SC2064 # this very folder, whatever tmp is later
	trap "rm -rf '$tmp'" EXIT
	mkdir "$tmp/root"
	"$1" "$tmp/root"
	chmod 755 "$tmp/root"
	mv "$tmp/root" "$rig"
	rm -rf "$tmp"
	trap - EXIT
	exec 9>&-
	say "ready after $((SECONDS - start)) s"
}

# Debian into ROOT: mmdebstrap with what the rig's packages ask for.
rig_bootstrap() { # ROOT SUITE SOURCES OPTION...
	local root=$1 suite=$2 sources=$3 log=$1/../log start=$SECONDS line

	shift 3
	command -v mmdebstrap >/dev/null ||
		die "mmdebstrap is missing: run 'make deps' first"
	if ! { mmdebstrap --format=tar --aptopt="$RIG_APTOPT" "$@" "$suite" - - \
		<<<"$sources" \
		2> >(tee "$log" | grep --line-buffered '^I: ' |
			while IFS= read -r line; do
				say "$(printf '%3d s  %.56s' \
					$((SECONDS - start)) "${line#I: }")"
			done) |
		tar -C "$root" -x --no-same-owner --exclude='./dev/*'; }
	then
		grep -v '^I: ' "$log" >&2 || true
		die "mmdebstrap failed; it needs root or user namespaces, and the archive"
	fi
}

# Entering ------------------------------------------------------------------

# Runs CMD in the root file system at rig, whatever the caller's rights allow:
#   --ro DIR:AT   show DIR of the host at AT, read-only (repeatable)
#   --rw DIR:AT   the same, writable
#   --scratch DIR use DIR for /scratch instead of a temporary folder
# Inside, /tern is the repository (read-only) and /scratch the working folder.
# The mounts belong to a mount namespace that dies with CMD, so nothing is left
# behind however it ends. Where namespaces are forbidden, root gets the same
# picture by copying and a plain chroot.
rig_exec() {
	local scratch="" binds="ro:$repo:/tern" tmp rc=0 ns=() become=exec

	while [ $# -gt 0 ]; do
		case $1 in
		--ro | --rw)
			binds+=$'\n'${1#--}:$(realpath "${2%%:*}"):${2#*:}
			shift 2
			;;
		--scratch) scratch=$(realpath "$2"); shift 2 ;;
		*) break ;;
		esac
	done
	[ $# -gt 0 ] || die "exec: which command?"
	if [ -z "$scratch" ]; then
		tmp=$(mktemp -d)
		# shellcheck disable=SC2064 # this very folder
		trap "rm -rf '$tmp'" EXIT
		scratch=$tmp become=
	fi

	if unshare -m true 2>/dev/null; then
		ns=(unshare -m --propagation private)
	elif unshare -rm true 2>/dev/null; then
		ns=(unshare -rm --propagation private)
	fi
	if [ ${#ns[@]} -gt 0 ]; then
		# With nothing to clean up, one process all along: who kills it
		# kills CMD.
		$become "${ns[@]}" "$self" inside "$scratch" "$binds" "$@" || rc=$?
	elif [ "$(id -u)" = 0 ]; then
		rig_inside_copy "$scratch" "$binds" "$@" || rc=$?
	else
		die "needs root or user namespaces to enter the rig"
	fi
	return "$rc"
}

# Runs in the new mount namespace: lay out the rig, then become CMD.
rig_inside() {
	local scratch=$1 binds=$2 mode from at

	mkdir -p "$rig/scratch"
	mount --rbind /dev "$rig/dev"
	mount --rbind /proc "$rig/proc"
	mount --bind "$scratch" "$rig/scratch"
	while IFS=: read -r mode from at; do
		mkdir -p "$rig$at"
		mount --bind "$from" "$rig$at"
		[ "$mode" = rw ] || mount -o remount,bind,ro "$rig$at"
	done <<<"$binds"
	shift 2
	rig_enter "$@"
}

# The same by copying, one user at a time.
rig_inside_copy() {
	local scratch=$1 binds=$2 mode from at rc=0

	exec 9>"$rig.lock"
	flock 9
	while IFS=: read -r mode from at; do
		mkdir -p "$rig$at"
		tar -C "$from" -c --exclude=./.git --exclude=./build/san \
			--exclude=./build/fuzz . | tar -C "$rig$at" -x
	done <<<"$binds"
	shift 2
	[ -c "$rig/dev/null" ] || mknod -m 666 "$rig/dev/null" c 1 3
	[ -c "$rig/dev/urandom" ] || mknod -m 666 "$rig/dev/urandom" c 1 9
	# No /proc without a mount. objtool, by which kbuild judges modules, does nothing without this
	# file, and looks into it only to say whether it ran out of stack when it crashes.
	mkdir -p "$rig/proc/self"
	cat /proc/self/maps >"$rig/proc/self/maps"
	mkdir -p "$rig/scratch"
	cp -a "$scratch/." "$rig/scratch/"
	find "$scratch" -type s | while IFS= read -r from; do
		# A copy is another socket, behind which nobody listens.
		ln -f "$from" "$rig/scratch/${from#"$scratch/"}" ||
			die "without mounts a device works only if TMPDIR is on the disk of $rig"
	done || return
	(rig_enter "$@") || rc=$?
	cp -a "$rig/scratch/." "$scratch/"
	while IFS=: read -r mode from at; do
		[ "$mode" = ro ] || cp -a "$rig$at/." "$from/"
	done <<<"$binds"
	rm -rf "$rig/scratch" && mkdir "$rig/scratch"
	return "$rc"
}

rig_enter() {
	exec env -u LD_LIBRARY_PATH -u LD_PRELOAD HOME=/scratch LC_ALL=C.UTF-8 \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		chroot "$rig" /bin/sh -c 'cd /scratch && exec "$@"' sh "$@"
}
