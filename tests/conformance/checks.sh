# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What check-install and check-dkms have in common; sourced by them: a folder of
# their own, checks, and their sum.
set -euo pipefail

repo=$(realpath "$(dirname "$(realpath "$0")")/../..")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

check() { # NAME COMMAND...: its output only if it fails
	local name=$1

	shift
	if "$@" >"$tmp/log" 2>&1; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	printf '  %-36s %6d ok %4d failed\n' "$name" 0 1
	sed 's/^/    /' "$tmp/log" | tail -n 8
}

check_sum() {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}
