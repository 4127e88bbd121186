/* SPDX-License-Identifier: MIT OR (GPL-2.0 WITH Linux-syscall-note) */
/*
 * Kernel and firmware: the firmware's file, its boot and handshake, messages, log, trace,
 * crash record. README.md beside this file tells a boot and a job from start to end.
 *
 * Neither side trusts the other. A message is copied once and then validated; an index, offset
 * or size that does not fit is an error of whoever wrote it, never a reason to crash: the
 * firmware answers INVALID, the kernel resets the firmware. What the firmware may do at worst
 * is to do nothing: bindings and completions are not its business (hw.h, mcu.h).
 *
 * Everything is little-endian and naturally aligned. Fields change only by new minor versions,
 * which use what is reserved; whoever writes a structure writes zeros there.
 */
#ifndef TERN_FW_H
#define TERN_FW_H

#include "mcu.h"

/* clang-format off */

#define TERN_FW_NAME		"tern/tern.fw" /* below the firmware search path */
#define TERN_FW_MAJOR		1 /* of this file: another one is refused */
#define TERN_FW_MINOR		1 /* the lower of both sides' counts. 1.1: trace REQUEST has a slot */

/* ---- The file ---------------------------------------------------------------- */
/*
 * A struct tern_fw_header, then its sections' bytes. SHA-256 and signature cover the file from
 * TERN_FW_HASH_START to its end, that is to file_bytes. There is no key yet: signature_kind 0 and
 * a signature of zeros; a device with a key refuses what is not signed with it.
 *
 * A loader refuses, with one sentence and without touching the device: a magic or
 * header_version it does not know; file_bytes unlike the file's size; a hash that does not
 * match; another major; an interface of another major than the device's, or of a later minor; a
 * security version below SECURITY_VERSION; more than TERN_FW_MAX_SECTIONS sections; offset +
 * file_bytes beyond the file or before the header's end, tcm + mem_bytes beyond TCM_BYTES,
 * file_bytes above mem_bytes, any of them not a multiple of 4, each sum computed without overflow;
 * sections that overlap in TCM; an entry outside every EXEC section; anything reserved that is not
 * zero.
 */
#define TERN_FW_MAGIC		0x57464e54u /* "TNFW" */
#define TERN_FW_HEADER_VERSION	1
#define TERN_FW_MAX_SECTIONS	8
#define TERN_FW_MAX_FILE	(1u << 20)
#define TERN_FW_SECTION_EXEC	(1u << 0)
#define TERN_FW_SECTION_FLAGS	TERN_FW_SECTION_EXEC

struct tern_fw_section {
	__le32 offset; /* in the file */
	__le32 file_bytes; /* that are copied */
	__le32 tcm; /* offset in TCM they go to */
	__le32 mem_bytes; /* they take there; what follows file_bytes is zero */
	__le32 flags; /* TERN_FW_SECTION_* */
	__le32 reserved;
	char name[8]; /* for people; zeros after it */
};
TERN_ASSERT(sizeof(struct tern_fw_section) == 32);

struct tern_fw_header {
	__le32 magic; /* TERN_FW_MAGIC */
	__le32 header_version; /* of this struct */
	__u8 sha256[32];
	__u8 signature[512]; /* of the hash, as signature_kind says; zeros after it */
	/* the hash covers what follows */
	__le32 file_bytes;
	__le32 signature_kind; /* 0: none */
	__le32 security_version; /* at least the device's fuse */
	__le16 major, minor; /* TERN_FW_MAJOR, TERN_FW_MINOR it was built with */
	__le16 interface_major, interface_minor; /* TERN_INTERFACE_* it was built for */
	__le32 entry; /* TCM offset, 4-byte aligned */
	__le32 nsections;
	__le32 reserved[3];
	char version[32]; /* for people, zero-terminated: "0.1.0" */
	char build[32]; /* what tells this build from others, zero-terminated */
	struct tern_fw_section section[TERN_FW_MAX_SECTIONS];
};
#define TERN_FW_HASH_START	552u
TERN_ASSERT(sizeof(struct tern_fw_header) == 912);

/* ---- Boot ----------------------------------------------------------------------- */
/*
 * The kernel allocates one area, maps it in WINDOW with WRITE, zeroes it, fills struct
 * tern_fw_boot at its start, gives its address to BOOT_ARGS and starts the MCU. The firmware
 * moves BOOT_STATUS through the stages; at READY and at every error it raises HOST_IRQ. After an
 * error it halts: HALT.
 */
#define TERN_FW_STAGES(X) \
	X(RESET,    0, "the MCU has not reached the firmware") \
	X(STARTED,  1, "the firmware runs") \
	X(HANDSHAKE, 2, "it has read struct tern_fw_boot") \
	X(READY,    3, "struct tern_fw_info is written, messages are answered") \
	X(STOPPED,  4, "halted after SUSPEND with TERN_FW_SUSPEND_HALT") \
	X(CRASHED,  5, "halted; the crash record says why")
enum tern_fw_stage {
#define X(name, code, text) TERN_FW_STAGE_##name = code,
	TERN_FW_STAGES(X)
#undef X
};
/* What the kernel's one line says of each: both versions, and what to install. */
#define TERN_FW_ERRORS(X) \
	X(NONE,	     0, "none") \
	X(MAGIC,     1, "BOOT_ARGS does not lead to a struct tern_fw_boot") \
	X(MAJOR,     2, "the kernel speaks another major version") \
	X(FEATURES,  3, "the kernel requires a feature this firmware does not have") \
	X(LAYOUT,    4, "an offset or count in struct tern_fw_boot does not fit") \
	X(CONFIG,    5, "a value of enum tern_fw_param is outside its limits") \
	X(SELFTEST,  6, "TCM or a register does not hold what is written") \
	X(PANIC,     7, "after READY: an exception or a failed assertion")
enum tern_fw_error {
#define X(name, code, text) TERN_FW_ERROR_##name = code,
	TERN_FW_ERRORS(X)
#undef X
};
#define TERN_FW_STATUS_STAGE(status)	((status) & 0xffffu)
#define TERN_FW_STATUS_ERROR(status)	((status) >> 16)

/* Features: bits that both sides must know to use. Offered by the kernel, taken by the firmware. */
#define TERN_FW_FEATURES(X) \
	X(PREEMPT, 0, "slices and priorities preempt a running job") \
	X(POWER,   1, "SUSPEND, RESUME, IDLE, ACTIVE") \
	X(TRACE,   2, "the trace ring is written")
enum tern_fw_feature {
#define X(name, bit, text) TERN_FW_FEATURE_##name = 1 << bit,
	TERN_FW_FEATURES(X)
#undef X
};

/*
 * How the firmware schedules. Among started slots with work the highest priority runs; those
 * of equal priority take turns of one slice; one that has waited STARVATION_US gets a slice
 * whatever its priority. A job that gets no further is aborted, and a slot that does not answer
 * PREEMPT is reported. Values outside the limits are refused (CONFIG, or INVALID in a message).
 *
 *	name		 code	low	high  usual  text */
#define TERN_FW_PARAMS(X) \
	X(SLICE_US,	    0,	100, 1000000,	2000, "a slot's turn while others of its priority wait") \
	X(STARVATION_US,    1, 1000, 10000000, 100000, "longest wait for a slice") \
	X(PREEMPT_US,	    2,	100, 10000000,  10000, "from PREEMPT to saved, else PREEMPT_STUCK") \
	X(PROGRESS_US,	    3, 1000, 600000000, 2000000, "without PROGRESS a job is aborted: NO_PROGRESS") \
	X(HEARTBEAT_US,	    4, 1000, 10000000, 100000, "HEARTBEAT counts at least this often, but while suspended") \
	X(WATCHDOG_US,	    5, 1000, 60000000, 1000000, "what WATCHDOG is set to") \
	X(IDLE_US,	    6,	  0, 10000000,	5000, "without work before IDLE is sent") \
	X(LOG_LEVEL,	    7,	  0,	    3,	   1, "enum tern_fw_log_level up to which records are written")
enum tern_fw_param {
#define X(name, code, low, high, usual, text) TERN_FW_PARAM_##name = code,
	TERN_FW_PARAMS(X)
#undef X
	TERN_FW_NPARAMS
};

/* Written by the kernel before the MCU starts, never after. Offsets count from this struct's
 * own address, are multiples of 64, and name zeroed memory that overlaps nothing. */
#define TERN_FW_BOOT_MAGIC	0x544f4f42u /* "BOOT" */
struct tern_fw_boot {
	__le32 magic;
	__le16 major, minor; /* the kernel's */
	__le32 area_bytes; /* of the whole area */
	__le32 to_fw, to_host; /* offsets of struct tern_fw_ring */
	__le32 to_fw_count, to_host_count; /* messages they hold: powers of two, 8 to 1024 */
	__le32 log; /* offset of struct tern_fw_stream of tern_fw_log_record */
	__le32 log_count; /* power of two, 8 to 4096 */
	__le32 trace; /* of tern_fw_trace_record */
	__le32 trace_count; /* power of two, 8 to 65536; 0: no trace */
	__le32 crash; /* offset of struct tern_fw_crash */
	__le32 info; /* offset of struct tern_fw_info */
	__le32 reserved0;
	__le64 features; /* offered, enum tern_fw_feature */
	__le64 required; /* of them */
	__le32 param[16]; /* enum tern_fw_param; the rest is zero */
	__le32 reserved1[14];
};
TERN_ASSERT(sizeof(struct tern_fw_boot) == 192 && TERN_FW_NPARAMS <= 16);

/* Written by the firmware before READY, never after. */
struct tern_fw_info {
	__le16 major, minor; /* the firmware's; messages follow the lower minor */
	__le32 security_version;
	__le64 features; /* taken: a part of those offered, all those required */
	__le32 slots; /* it can schedule: TERN_NSLOTS or fewer */
	__le32 reserved[11];
	char version[32], build[32]; /* as in its header */
};
TERN_ASSERT(sizeof(struct tern_fw_info) == 128);

/* ---- Messages ------------------------------------------------------------------------ */
/*
 * Two rings of 64-byte messages, one each way, one writer and one reader each. Indices run
 * freely modulo 2^32; message i lies at i modulo count, and its seq is i: a message whose seq is
 * another, or an index that says there are more than count, is a protocol error.
 *
 * Writer: message; release (dma_wmb, FENCE w, w); write; then the bell: HOST_KICK (writel orders
 * it) or, after FENCE w, o, HOST_IRQ. Reader: clear the bell; read write; acquire (dma_rmb, FENCE
 * r, r); copy; release (mb, FENCE r, w); read; look again until there is none.
 *
 * Each message of the kernel is answered by one REPLY, in order. If the ring to the host is
 * full the firmware keeps replies and events back (a reply until there is room: it takes no
 * further message; an event as one bit per kind and slot) until the kernel, having
 * made room in a full ring, kicks.
 */
struct tern_fw_message {
	__le32 seq; /* its index */
	__le16 type; /* enum tern_fw_request or enum tern_fw_event */
	__le16 status; /* REPLY: enum tern_fw_status; else 0 */
	__le32 slot; /* below TERN_NSLOTS; 0 where the message names none */
	__le32 reply_to; /* REPLY: seq of the request; else 0 */
	__le64 arg[6]; /* those the type does not name are 0 */
};
TERN_ASSERT(sizeof(struct tern_fw_message) == 64);

struct tern_fw_ring {
	__le32 write; /* the writer's alone */
	__le32 reserved0[15];
	__le32 read; /* the reader's alone */
	__le32 reserved1[15];
	struct tern_fw_message message[];
};
TERN_ASSERT(sizeof(struct tern_fw_ring) == 128);

/*	name	 code	names a slot, feature, text (arg, reply) */
#define TERN_FW_REQUESTS(X) \
	X(PING,	      1, 0, 0, "reply: arg[0] as sent, arg[1] TIMESTAMP") \
	X(SLOT_START, 2, 1, 0, "schedule the slot, which is VALID, and look at its ring now") \
	X(SLOT_STOP,  3, 1, 0, "take it from the engines and forget it. arg[0]: enum tern_fw_stop. " \
			       "reply: arg[0] enum tern_slot_state it was left in") \
	X(SUSPEND,    4, 0, TERN_FW_FEATURE_POWER, \
			       "stop scheduling, save what runs, engines to retention; slots stay started. " \
			       "arg[0]: TERN_FW_SUSPEND_*. reply: BUSY and nothing has changed, or done") \
	X(RESUME,     5, 0, TERN_FW_FEATURE_POWER, "engines on; look at the ring of every started slot") \
	X(SET_PARAM,  6, 0, 0, "arg[0]: enum tern_fw_param, arg[1]: its value. reply: arg[0] the value before")
enum tern_fw_request {
#define X(name, code, slot, feature, text) TERN_FW_##name = code,
	TERN_FW_REQUESTS(X)
#undef X
};
enum tern_fw_stop {
	TERN_FW_STOP_SAVE, /* preempt: SAVED if a job was in the middle, else IDLE */
	TERN_FW_STOP_ABORT, /* its running job faults with ABORT */
};
#define TERN_FW_SUSPEND_FORCE	(1u << 0) /* also when a started slot has work */
#define TERN_FW_SUSPEND_HALT	(1u << 1) /* then STOPPED and HALT; the next boot knows no slots */

#define TERN_FW_EVENTS(X) \
	X(REPLY,	 1, 0, "to reply_to") \
	X(IDLE,		 2, 0, "no started slot has had work for IDLE_US. arg[0]: TIMESTAMP of the last job's end") \
	X(ACTIVE,	 3, 0, "work came after IDLE") \
	X(PREEMPT_STUCK, 4, 1, "PREEMPT_US went by; only a reset of the engines helps. arg[0]: microseconds so far") \
	X(NO_PROGRESS,	 5, 1, "PROGRESS_US went by; the job is being aborted. arg[0]: PROGRESS")
enum tern_fw_event {
#define X(name, code, slot, text) TERN_FW_EVENT_##name = code,
	TERN_FW_EVENTS(X)
#undef X
};

#define TERN_FW_STATUSES(X) \
	X(OK,	   0, "done") \
	X(UNKNOWN, 1, "no such request, or its feature was not taken") \
	X(INVALID, 2, "a slot, argument or reserved field is out of range") \
	X(STATE,   3, "not now: START of a started or not VALID slot, STOP of another, SUSPEND twice, RESUME of none") \
	X(BUSY,	   4, "a started slot has work") \
	X(STUCK,   5, "the engines did not answer within PREEMPT_US")
enum tern_fw_status {
#define X(name, code, text) TERN_FW_STATUS_##name = code,
	TERN_FW_STATUSES(X)
#undef X
};

/* ---- Log and trace ---------------------------------------------------------------------- */
/*
 * Streams: the firmware writes and never waits, the oldest record is lost. Record i lies at i
 * modulo count and has seq i + 1. Writer: seq = 0; release; the rest; release; seq; release;
 * write. Reader: write, acquire; of what it has not seen the last count records at most; each
 * is copied, and counts only if seq was right before and, after acquire, still is after the copy.
 */
struct tern_fw_stream {
	__le32 write; /* records written, modulo 2^32 */
	__le32 reserved[15];
};
TERN_ASSERT(sizeof(struct tern_fw_stream) == 64);

enum tern_fw_log_level {
	TERN_FW_LOG_ERROR, /* raises HOST_IRQ, and so does WARN */
	TERN_FW_LOG_WARN,
	TERN_FW_LOG_INFO,
	TERN_FW_LOG_DEBUG,
};
struct tern_fw_log_record {
	__le32 seq;
	__u8 level;
	__u8 bytes; /* of text, at most 112; printable ASCII, else the reader escapes it */
	__le16 reserved;
	__le64 timestamp;
	char text[112];
};
TERN_ASSERT(sizeof(struct tern_fw_log_record) == 128);

#define TERN_FW_TRACES(X) \
	X(DOORBELL, 1, "the slot's doorbell was seen") \
	X(RUN,	    2, "RUN; arg 1: a saved job goes on") \
	X(PREEMPT,  3, "PREEMPT; arg: why, enum tern_fw_preempt") \
	X(SAVED,    4, "the slot is SAVED") \
	X(END,	    5, "its job ended; arg: PENDING") \
	X(REQUEST,  6, "a message was taken; arg: type. SLOT_START: what follows is of who has the slot now") \
	X(EVENT,    7, "a message was sent; arg: type") \
	X(POWER,    8, "arg: enum tern_power")
enum tern_fw_trace {
#define X(name, code, text) TERN_FW_TRACE_##name = code,
	TERN_FW_TRACES(X)
#undef X
};
enum tern_fw_preempt {
	TERN_FW_PREEMPT_PRIORITY,
	TERN_FW_PREEMPT_SLICE,
	TERN_FW_PREEMPT_STARVED,
	TERN_FW_PREEMPT_STOP,
	TERN_FW_PREEMPT_SUSPEND,
};
struct tern_fw_trace_record {
	__le32 seq;
	__le16 kind; /* enum tern_fw_trace */
	__le16 slot; /* or TERN_NSLOTS */
	__le64 timestamp;
	__le64 arg;
	__le64 reserved;
};
TERN_ASSERT(sizeof(struct tern_fw_trace_record) == 32);

/* ---- Crash ---------------------------------------------------------------------------------- */
/* Written once, (release) magic last; then BOOT_STATUS CRASHED with its error, then HALT. */
#define TERN_FW_CRASH_MAGIC	0x48534154u /* "TASH" */
struct tern_fw_crash {
	__le32 magic;
	__le32 mcause, mepc, mtval; /* of the exception; an assertion has mcause 3, EBREAK */
	__le32 x[32]; /* x[0] is 0 */
	__le64 timestamp;
	__le32 running_slot; /* or TERN_NSLOTS */
	__le32 stack_words; /* that follow, from x[2] upwards */
	__le32 stack[64];
	char message[80]; /* zero-terminated */
	char build[32];
};
TERN_ASSERT(sizeof(struct tern_fw_crash) == 528);

#endif /* TERN_FW_H */
