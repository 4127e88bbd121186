/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A machine with a Tern card and no kernel: tern-device in a process of its own, reached by
 * vfio-user as a virtual machine would, memory that both see, and the few steps of a driver
 * that a test needs. What the driver's rules are is written in uapi/README.md; nothing is
 * taken from the device's sources but the protocol.
 */
#ifndef DEVICE_HOST_H
#define DEVICE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <tern/fw.h>

#define HOST_BUS       0x240000000ull /* where the memory lies on the bus */
#define HOST_WAIT      20000	      /* milliseconds until something is declared dead */
#define KERNEL_RING_VA 0x1000000000ull

struct host {
	pid_t pid;
	int fd;
	FILE *control_in, *control_out;
	char dir[64], device[96], control[96];
	uint16_t id;
	int memfd;
	unsigned char *mem;
	uint64_t bytes, used;
	int vector[TERN_MAX_VECTORS]; /* eventfd */
	struct tern_caps caps;
	uint32_t inv_seq;
	uint64_t kernel_va; /* next free address of ASID 0 */
	struct host_space *kernel;
};

/* Everything here ends the program, with a sentence, when it fails. */
_Noreturn void host_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define HOST_ASSERT(condition, ...)            \
	do {                                   \
		if (!(condition))              \
			host_die(__VA_ARGS__); \
	} while (0)
#define REQUIRE(condition) \
	HOST_ASSERT(condition, "%s:%d: not so: %s", __FILE__, __LINE__, #condition)

struct host_options {
	const char *device; /* NULL: small */
	const char *log;    /* of pages touched; or NULL */
	uint64_t bytes;	    /* of memory; 0: 64 MiB */
};
void host_open(struct host *h, const struct host_options *o);
/* The guest is gone; returns the device's exit status. */
int host_close(struct host *h);

/* ---- the bus -------------------------------------------------------------------------------- */
void host_read(struct host *h, unsigned int region, uint64_t offset, void *data, uint32_t len);
void host_write(struct host *h, unsigned int region, uint64_t offset, const void *data,
		uint32_t len);
uint32_t reg_get(struct host *h, uint32_t reg);
uint64_t reg_get64(struct host *h, uint32_t reg);
void reg_set(struct host *h, uint32_t reg, uint32_t v);
void reg_set64(struct host *h, uint32_t reg, uint64_t v);
bool reg_becomes(struct host *h, uint32_t reg, uint32_t mask, uint32_t value);
uint32_t config_capability(struct host *h, uint8_t id); /* where it is */
uint32_t config_get(struct host *h, uint32_t offset, uint32_t len);
void config_set(struct host *h, uint32_t offset, uint32_t len, uint32_t v);
void host_bell(struct host *h, unsigned int slot);
int host_map(struct host *h, uint64_t bus, uint64_t size, uint64_t offset, unsigned int flags,
	     bool with_file);
int host_unmap(struct host *h, uint64_t bus, uint64_t size);
/* How often a vector fired since it was asked last; waits up to `ms` for the first. */
uint64_t host_interrupts(struct host *h, unsigned int vector, int ms);

/* ---- memory ------------------------------------------------------------------------------------ */
uint64_t host_alloc(struct host *h, uint64_t bytes, uint64_t align); /* bus address, zeroed */
void *host_at(struct host *h, uint64_t bus);

/* ---- the control socket ------------------------------------------------------------------------- */
/* One command; the last line of the answer. */
const char *host_control(struct host *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
uint64_t host_stat(struct host *h, const char *name);
/* The firmware's registers, where no firmware runs. */
uint32_t mcu_get(struct host *h, uint32_t reg);
/* Has a program of its own ended, and left V there? While it runs nobody else gets its registers. */
bool mcu_left(struct host *h, uint32_t reg, uint32_t v);
void mcu_set(struct host *h, uint32_t reg, uint32_t v);
void mcu_command(struct host *h, unsigned int slot, uint32_t command);
/* Waits for events, takes them, and says which. */
uint32_t mcu_events(struct host *h, uint32_t wanted);

/* ---- address spaces -------------------------------------------------------------------------------- */
struct host_space {
	unsigned int asid;
	uint64_t root;
};
struct host_space *space_create(struct host *h, unsigned int asid);
void space_map(struct host *h, struct host_space *s, uint64_t va, uint64_t bus, uint64_t bytes,
	       uint64_t flags);
/* The same, also where something is mapped: flags are added to what is there. */
void space_allow(struct host *h, struct host_space *s, uint64_t va, uint64_t bus, uint64_t bytes,
		 uint64_t flags);
void space_clear(struct host *h, struct host_space *s); /* nothing is mapped any more */
void space_unmap(struct host *h, struct host_space *s, uint64_t va, uint64_t bytes);
/* 0: acknowledged; -1: not within HOST_WAIT */
int space_invalidate(struct host *h, struct host_space *s, uint64_t start, uint64_t end);
/* Memory of the kernel's address space; *va is its address there. */
uint64_t kernel_alloc(struct host *h, uint64_t bytes, uint64_t *va);

/* ---- queues ------------------------------------------------------------------------------------------ */
struct host_queue {
	unsigned int slot;
	struct host_space *space;
	bool kernel;
	struct tern_ring *ring;
	struct tern_job *jobs;
	uint64_t ring_va, save_va, fault_va;
	struct tern_fault *fault;
	struct tern_save_area *save;
};
void host_enable(struct host *h); /* bus master, DMA, interrupts */
/* user_va: where a user's ring goes in its own space; 0: a kernel queue */
void queue_create(struct host *h, struct host_queue *q, unsigned int slot, struct host_space *s,
		  uint64_t user_va, unsigned int count);
void queue_bind(struct host *h, struct host_queue *q, uint32_t flags);
void queue_unbind(struct host *h, struct host_queue *q);
void queue_push(struct host *h, struct host_queue *q, const struct tern_job *job);
uint32_t queue_state(struct host *h, struct host_queue *q);
bool queue_done(struct host *h, struct host_queue *q, uint64_t n); /* waits */
/* Push, play the firmware's part, wait until it has left the engines; the fault's code. */
unsigned int queue_run(struct host *h, struct host_queue *q, const struct tern_job *job);

/* ---- programs of the MCU ------------------------------------------------------------------------------ */
enum hart_kind { HART_LOAD, HART_STORE, HART_LOAD_HALF, HART_STORE_BYTE, HART_FETCH };
struct hart_access {
	enum hart_kind kind;
	uint32_t at, value;	   /* to store */
	uint32_t got, cause, tval; /* out: what a load brought, else 0; mcause, 0: it went well */
};
#define HART_ENTRY 0x40u
/* Tries them in their order; afterwards the MCU is in its reset. */
void hart_try(struct host *h, struct hart_access *a, unsigned int n);
/* The same in steps: load, start, wait for its end, reset it and see how it went. */
void hart_program(struct host *h, const struct hart_access *a, unsigned int n);
void hart_start(struct host *h);
void hart_halted(struct host *h);
void hart_results(struct host *h, struct hart_access *a, unsigned int n);
/* Stores to every word of a range. */
void hart_scribble(struct host *h, uint32_t from, uint32_t to, uint32_t value);
void hart_spin(struct host *h); /* does nothing, for ever */

/* ---- the firmware --------------------------------------------------------------------------------------- */
struct host_fw {
	unsigned char *area;
	struct tern_fw_boot *boot;
	struct tern_fw_ring *to_fw, *to_host;
	struct tern_fw_info *info;
	struct tern_fw_crash *crash;
	uint32_t sent, seen;
};
/* The image that the build made, loaded; returns its entry. */
uint32_t fw_load(struct host *h);
void fw_boot(struct host *h, struct host_fw *f, uint32_t entry);
/* Send, and wait for the reply; its status. Events that come meanwhile are dropped. */
unsigned int fw_request(struct host *h, struct host_fw *f, unsigned int type, unsigned int slot,
			uint64_t arg0, uint64_t arg1, struct tern_fw_message *reply);
/* Waits for an event of this type. */
bool fw_event(struct host *h, struct host_fw *f, unsigned int type, struct tern_fw_message *out);
void fw_log(struct host_fw *f, FILE *out); /* everything the firmware has said */

#endif
