/* SPDX-License-Identifier: MIT */
/* One node of a ggml graph as one Tern operator. */
#ifndef TERN_GGML_NODE_H
#define TERN_GGML_NODE_H

#include <tern.h>

#include "ggml/abi.h"

enum node_kind {
	NODE_NOTHING, /* a view, or nothing to compute */
	NODE_OPERATOR,
	NODE_FOREIGN, /* not expressed in Tern's operators */
};

struct node_tensors {
	const struct ggml_tensor *src[TERN_MAX_SRC], *dst; /* NULL: absent */
	enum node_shape {
		NODE_AS_IS,
		NODE_FLAT,  /* all elements are one row */
		NODE_PARTS, /* a row of parts, four, becomes as many rows */
	} shape[TERN_MAX_SRC];
};

/*
 * Which operator is it? Fills parameters but no tensor numbers; the tensors it works on are
 * listed beside. For NODE_FOREIGN *why says what is missing.
 */
enum node_kind node_translate(const struct ggml_tensor *node, struct tern_op_desc *op,
			      struct node_tensors *tensors, const char **why);

/* Does this node compute? */
bool node_is_work(const struct ggml_tensor *node);

/* Type, shape and strides; false: Tern has no such type. Storage and offset stay zero. */
bool node_tensor(const struct ggml_tensor *t, enum node_shape shape, struct tern_tensor_desc *out);

/* Would the device run it? Pure. With `why`: NULL or a buffer for the reason. */
bool node_supported(const struct tern_device *dev, const struct ggml_tensor *node,
		    const char **why);

#endif
