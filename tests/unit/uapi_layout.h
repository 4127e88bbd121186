/* SPDX-License-Identifier: MIT */
/*
 * Sizes and offsets of the contracts, written down once more. Whoever includes this has
 * checked them; the build also does so for 32-bit processes.
 */
#include <stddef.h>

#include <drm/tern_accel.h>
#include <tern/fw.h>

/* clang-format off */
#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#define AT(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type " " #field)

SIZE(drm_tern_array, 16);	AT(drm_tern_array, pointer, 8);
SIZE(drm_tern_info, 128);	AT(drm_tern_info, fw_features, 16);
				AT(drm_tern_info, va_start, 32);
				AT(drm_tern_info, doorbell_bytes, 56);
				AT(drm_tern_info, fw_version, 64);
				AT(drm_tern_info, fw_build, 96);
SIZE(drm_tern_limit, 16);
SIZE(drm_tern_limits, 160);	AT(drm_tern_limits, events, 96);
				AT(drm_tern_limits, queue_jobs, 112);
				AT(drm_tern_limits, budget_usual, 128);
				AT(drm_tern_limits, submit_jobs, 144);
				AT(drm_tern_limits, priorities, 156);
SIZE(drm_tern_clocks, 40);	AT(drm_tern_clocks, timestamp_khz, 24);
				AT(drm_tern_clocks, resets, 36);
SIZE(drm_tern_dev_query, 16);	AT(drm_tern_dev_query, pointer, 8);
SIZE(drm_tern_bo_create, 24);	AT(drm_tern_bo_create, vm_id, 12);
				AT(drm_tern_bo_create, handle, 16);
SIZE(drm_tern_bo_from_userptr, 24); AT(drm_tern_bo_from_userptr, handle, 20);
SIZE(drm_tern_bo_mmap_offset, 16); AT(drm_tern_bo_mmap_offset, offset, 8);
SIZE(drm_tern_bo_sync, 24);	AT(drm_tern_bo_sync, size, 16);
SIZE(drm_tern_bo_label, 16);	AT(drm_tern_bo_label, label, 8);
SIZE(drm_tern_vm_create, 8);
SIZE(drm_tern_vm_destroy, 8);
SIZE(drm_tern_sync, 16);	AT(drm_tern_sync, point, 8);
SIZE(drm_tern_vm_bind_op, 56);	AT(drm_tern_vm_bind_op, bo_offset, 16);
				AT(drm_tern_vm_bind_op, size, 32);
				AT(drm_tern_vm_bind_op, syncs, 40);
SIZE(drm_tern_vm_bind, 32);	AT(drm_tern_vm_bind, ops, 8);
				AT(drm_tern_vm_bind, done, 24);
SIZE(drm_tern_vm_state, 24);	AT(drm_tern_vm_state, table_bytes, 16);
SIZE(drm_tern_queue_create, 48); AT(drm_tern_queue_create, queue_id, 12);
				AT(drm_tern_queue_create, ring_offset, 24);
				AT(drm_tern_queue_create, doorbell_offset, 40);
SIZE(drm_tern_queue_destroy, 8);
SIZE(drm_tern_fault, 40);
SIZE(drm_tern_queue_state, 80);	AT(drm_tern_queue_state, submitted, 8);
				AT(drm_tern_queue_state, error, 32);
				AT(drm_tern_queue_state, fault, 40);
SIZE(drm_tern_queue_kick, 8);
SIZE(drm_tern_queue_wait, 48);	AT(drm_tern_queue_wait, offset, 16);
				AT(drm_tern_queue_wait, timeout_ns, 32);
				AT(drm_tern_queue_wait, user_data, 40);
SIZE(drm_tern_event, 32);	AT(drm_tern_event, queue_id, 8);
				AT(drm_tern_event, value, 24);
SIZE(drm_tern_job, 56);		AT(drm_tern_job, profile, 24);
				AT(drm_tern_job, flags, 32);
				AT(drm_tern_job, syncs, 40);
SIZE(drm_tern_submit, 32);	AT(drm_tern_submit, jobs, 8);
				AT(drm_tern_submit, last_job, 24);
SIZE(drm_tern_perf_counters, 104); AT(drm_tern_perf_counters, busy, 24);
				AT(drm_tern_perf_counters, bound, 96);
SIZE(drm_tern_perf_event, 32);	AT(drm_tern_perf_event, kind, 20);
SIZE(drm_tern_perf, 32);	AT(drm_tern_perf, pointer, 16);

/* The record a queue returns is the one the hardware writes. */
#define SAME(field, other) _Static_assert( \
	offsetof(struct drm_tern_fault, field) == offsetof(struct tern_fault, other), #other)
SIZE(tern_fault, 40);
SAME(code, code); SAME(class_, class); SAME(queue, queue); SAME(word, word);
SAME(addr, addr); SAME(info, info); SAME(cycle, cycle); SAME(mark, mark);

SIZE(tern_job, 64);		AT(tern_job, flags, 24);	AT(tern_job, profile, 32);
SIZE(tern_ring, 128);		AT(tern_ring, count, 8);	AT(tern_ring, write, 16);
				AT(tern_ring, fetched, 64);	AT(tern_ring, done, 72);
SIZE(tern_counters, 384);	AT(tern_counters, commands, 16);
				AT(tern_counters, dram_read, 272);
				AT(tern_counters, macs, 304);
				AT(tern_counters, energy_pj, 344);
SIZE(tern_profile_op, 96);	AT(tern_profile_op, dram_bytes, 72);
SIZE(tern_profile_event, 40);	AT(tern_profile_event, word, 4);
				AT(tern_profile_event, dispatch, 16);
SIZE(tern_profile, 512);	AT(tern_profile, nops, 16);
				AT(tern_profile, begin, 64);	AT(tern_profile, event_count, 80);
				AT(tern_profile, counters, 128);
SIZE(tern_save_tile, 96);	AT(tern_save_tile, registers, 88);
SIZE(tern_save_area, 4176);	AT(tern_save_area, job, 8);	AT(tern_save_area, begin, 88);
				AT(tern_save_area, stack, 112);	AT(tern_save_area, regs, 144);
				AT(tern_save_area, tile, 656);	AT(tern_save_area, sem, 3728);
				AT(tern_save_area, counters, 3792);

SIZE(tern_fw_section, 32);	AT(tern_fw_section, name, 24);
SIZE(tern_fw_header, 912);	AT(tern_fw_header, sha256, 8);
				AT(tern_fw_header, signature, 40);
				AT(tern_fw_header, file_bytes, TERN_FW_HASH_START);
				AT(tern_fw_header, major, 564);
				AT(tern_fw_header, entry, 572);
				AT(tern_fw_header, version, 592);
				AT(tern_fw_header, section, 656);
SIZE(tern_fw_boot, 192);	AT(tern_fw_boot, to_fw, 12);	AT(tern_fw_boot, log, 28);
				AT(tern_fw_boot, info, 48);	AT(tern_fw_boot, features, 56);
				AT(tern_fw_boot, param, 72);
SIZE(tern_fw_info, 128);	AT(tern_fw_info, features, 8);	AT(tern_fw_info, version, 64);
SIZE(tern_fw_message, 64);	AT(tern_fw_message, status, 6);	AT(tern_fw_message, slot, 8);
				AT(tern_fw_message, arg, 16);
SIZE(tern_fw_ring, 128);	AT(tern_fw_ring, read, 64);	AT(tern_fw_ring, message, 128);
SIZE(tern_fw_stream, 64);
SIZE(tern_fw_log_record, 128);	AT(tern_fw_log_record, timestamp, 8);
				AT(tern_fw_log_record, text, 16);
SIZE(tern_fw_trace_record, 32);	AT(tern_fw_trace_record, timestamp, 8);
SIZE(tern_fw_crash, 528);	AT(tern_fw_crash, x, 16);	AT(tern_fw_crash, timestamp, 144);
				AT(tern_fw_crash, stack, 160);	AT(tern_fw_crash, message, 416);

#undef SIZE
#undef AT
#undef SAME
