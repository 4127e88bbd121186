# SPDX-License-Identifier: MIT
"""In a guest's shell: `at_work PID` returns when the device has a job in its ring that is not done.

It is false, and says why, if process PID ends before, or there is no hope for one.
"""
TRIES = 6000  # of a twentieth of a second, and what each takes
AT_WORK = """at_work() {
	for i in $(seq %d); do
		awk '$8 > $10 && $6 >= 0 { found = 1 } END { exit !found }' \\
			/sys/kernel/debug/accel/*/queues 2>/dev/null && return
		kill -0 $1 2>/dev/null || { echo "# it ended before a job of it was seen"; return 1; }
		sleep 0.05
	done
	echo "# no job of it was seen"
	return 1
}
""" % TRIES
