/* SPDX-License-Identifier: GPL-2.0 */
/* The vhost-user protocol, as far as a guest of User Mode Linux speaks it. QEMU's
 * docs/interop/vhost-user.rst specifies it. */
#ifndef DEVICE_VHOST_USER_H
#define DEVICE_VHOST_USER_H

#include <stdint.h>

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_VRING_KICK = 35,
	VHOST_USER_REQUESTS,
};

#define VHOST_USER_VERSION		  1u /* in the low 2 bits of flags */
#define VHOST_USER_REPLY		  4u
#define VHOST_USER_NEED_REPLY		  8u
#define VHOST_USER_F_PROTOCOL		  30
#define VHOST_USER_PROTOCOL_F_REPLY_ACK	  3
#define VHOST_USER_PROTOCOL_F_BACKEND_REQ 5
#define VHOST_USER_PROTOCOL_F_IN_BAND	  14
#define VHOST_USER_BACKEND_VRING_CALL	  4u	 /* what the device asks */
#define VHOST_USER_NO_FD		  0x100u /* in the index of KICK and CALL */
#define VHOST_USER_MAX_REGIONS		  8u

struct vhost_user_header {
	uint32_t request, flags, size;
};

struct vhost_user_state { /* of a queue: NUM, BASE, ENABLE */
	uint32_t index, num;
};

struct vhost_user_addr { /* addresses are the guest process's */
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct vhost_user_region {
	uint64_t guest, size, user, offset;
};

struct vhost_user_memory {
	uint32_t n, padding;
	struct vhost_user_region region[VHOST_USER_MAX_REGIONS];
};

union vhost_user_payload {
	uint64_t number;
	struct vhost_user_state state;
	struct vhost_user_addr addr;
	struct vhost_user_memory memory;
};

#endif
