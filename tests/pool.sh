# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Programs that are checks, run side by side; sourced by tests/run, which has what
# is printed (row, excerpt), counted (count) and where logs go.

# Seconds after which a program counts as hung, on a slow and loaded machine.
UNIT_LIMIT=900
SAN_LIMIT=1800

cores=$(nproc)
children=() # that a pool has started

# Kinds of programs ---------------------------------------------------------
# For each kind: start_KIND becomes PROGRAM, for at most LIMIT seconds,
# verdict_KIND reads its LOG and exit STATUS and prints "GOOD BAD", and
# complaint_KIND prints what the LOG says of the failures.

start_check() {
	CK_DEFAULT_TIMEOUT=$2 exec timeout -k 10 "$2" "$1"
}

# Check sums up each of its runners: "100%: Checks: 12, Failures: 0, Errors: 0"
verdict_check() {
	awk -v status="$2" '
	/^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
		split($0, n, /[^0-9]+/)
		checks += n[2]
		bad += n[3] + n[4]
	}
	END {
		silent = checks == 0 || (status != 0 && bad == 0)
		print checks - bad, bad + silent
	}' "$1"
}

complaint_check() {
	grep -vE ':P:|^Running suite|^[0-9]+%: Checks' "$1"
}

start_fuzz() {
	local name kept seeds options

	name=$(basename "$1")
	kept=build/fuzz/corpus/${name#fuzz_}
	seeds=tests/fuzz/corpus/${name#fuzz_}
	options=("-max_total_time=$FUZZ_SECONDS" -timeout=20 -rss_limit_mb=4096
		-print_final_stats=1
		"-artifact_prefix=build/fuzz/findings/$name-")
	mkdir -p "$kept" build/fuzz/findings
	[ ! -f "tests/fuzz/$name.dict" ] ||
		options+=("-dict=tests/fuzz/$name.dict")
	[ -d "$seeds" ] || seeds=
	exec timeout -k 10 "$2" "$1" "${options[@]}" "$kept" ${seeds:+"$seeds"}
}

verdict_fuzz() {
	if [ "$2" = 0 ] && grep -q '^stat::number_of_executed_units' "$1"; then
		echo 1 0
	else
		echo 0 1
	fi
}

# Of the stack only what is ours.
complaint_fuzz() {
	grep -E 'ERROR|runtime error|#[0-9]+ .*(userspace|tests|uapi)/|written to' \
		"$1" || tail -n 8 "$1"
}

# A pool of programs --------------------------------------------------------

# Runs PROGRAMs of one KIND side by side, one per core, a row as each ends.
run_pool() { # KIND SUITE LIMIT PROGRAM...
	local kind=$1 suite=$2 limit=$3 program

	shift 3
	for program; do
		while [ ${#children[@]} -ge "$cores" ]; do
			wait -n "${children[@]}" || true
			forget_ended
			report_ended "$kind" "$suite"
		done
		run_logged "$kind" "$suite" "$limit" "$program" &
		children+=($!)
	done
	[ $# = 0 ] || wait "${children[@]}" || true
	children=()
	report_ended "$kind" "$suite"
}

forget_ended() {
	local pid alive=()

	for pid in "${children[@]}"; do
		! kill -0 "$pid" 2>/dev/null || alive+=("$pid")
	done
	children=("${alive[@]}")
}

run_logged() { # KIND SUITE LIMIT PROGRAM
	local name log start child status=0

	name=$(basename "$4")
	log=$logs/$2-$name
	start=$(now)
	[ -x "$4" ] || {
		echo "$4 was not built" >"$log.log"
		echo "$name 127 0.0" >"$log.ended"
		return
	}
	"start_$1" "$4" "$3" >"$log.log" 2>&1 </dev/null &
	child=$!
	# shellcheck disable=SC2064 # this very child
	trap "kill $child 2>/dev/null" INT TERM
	{ wait "$child" || status=$?; } 2>/dev/null # the log says it better
	case $status in
	124) echo "killed: still running after $3 s" >>"$log.log" ;;
	1[3-9][0-9]) echo "died of signal $((status - 128))" >>"$log.log" ;;
	esac
	echo "$name $status $(since "$start")" >"$log.tmp"
	mv "$log.tmp" "$log.ended"
}

# Prints and counts the programs that ended since the last call.
report_ended() { # KIND SUITE
	local ended log name status seconds good bad

	for ended in "$logs/$2"-*.ended; do
		[ -e "$ended" ] || continue
		read -r name status seconds <"$ended"
		rm "$ended"
		log=$logs/$2-$name.log
		read -r good bad < <("verdict_$1" "$log" "$status")
		count "$good" "$bad"
		row "$name" "$good" "$bad" "$seconds"
		[ "$bad" = 0 ] || ("complaint_$1" "$log" || true) |
			head -n 40 | excerpt
	done
}
