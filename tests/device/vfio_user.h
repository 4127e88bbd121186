/* SPDX-License-Identifier: GPL-2.0 */
/* The vfio-user protocol, version 0.0: what its messages are. Payloads are the structures
 * of <linux/vfio.h> where it has them. QEMU's docs/interop/vfio-user.rst specifies it. */
#ifndef DEVICE_VFIO_USER_H
#define DEVICE_VFIO_USER_H

#include <stdint.h>

enum vfio_user_command {
	VFIO_USER_VERSION = 1,
	VFIO_USER_DMA_MAP,
	VFIO_USER_DMA_UNMAP,
	VFIO_USER_GET_INFO,
	VFIO_USER_GET_REGION_INFO,
	VFIO_USER_GET_REGION_IO_FDS,
	VFIO_USER_GET_IRQ_INFO,
	VFIO_USER_SET_IRQS,
	VFIO_USER_REGION_READ,
	VFIO_USER_REGION_WRITE,
	VFIO_USER_DMA_READ,
	VFIO_USER_DMA_WRITE,
	VFIO_USER_DEVICE_RESET,
	VFIO_USER_COMMANDS,
};

#define VFIO_USER_REPLY	   0x1u /* type, in the low 4 bits of flags */
#define VFIO_USER_NO_REPLY 0x10u
#define VFIO_USER_ERROR	   0x20u
#define VFIO_USER_MAX_DATA (1u << 20)

struct vfio_user_header {
	uint16_t id, command;
	uint32_t size; /* with the header */
	uint32_t flags, error;
};

struct vfio_user_dma_map {
	uint32_t argsz, flags; /* 1: readable, 2: writable */
	uint64_t offset, address, size;
};

struct vfio_user_dma_unmap {
	uint32_t argsz, flags;
	uint64_t address, size;
};

struct vfio_user_region_access { /* data follows a write, and the reply to a read */
	uint64_t offset;
	uint32_t region, count;
};

#endif
