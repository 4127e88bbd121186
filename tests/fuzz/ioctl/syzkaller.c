// SPDX-License-Identifier: MIT
/* The table in syzkaller's language; constants are taken from the headers by syz-extract. */
#include "table.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const resources[] = {
	[KIND_BO] = "tern_bo",		 [KIND_VM] = "tern_vm", [KIND_QUEUE] = "tern_queue",
	[KIND_SYNCOBJ] = "tern_syncobj", [KIND_FD] = "tern_fd",
};

static bool is_resource(enum kind kind)
{
	return kind < sizeof(resources) / sizeof(resources[0]) && resources[kind];
}

/* DRM's own structures are in other descriptions, too. */
static const char *prefix(const struct layout *layout)
{
	return strncmp(layout->name, "drm_tern", 8) ? "tern_" : "";
}

static void print_flags(const struct layout *layout)
{
	for (unsigned int i = 0; i < layout->fields; i++) {
		uint64_t known = layout->field[i].arg;
		const char *comma = "";

		if (layout->field[i].kind != KIND_FLAGS)
			continue;
		printf("\n%s%s_%s = ", prefix(layout), layout->name, layout->field[i].name);
		for (; known; known &= known - 1, comma = ", ")
			printf("%s0x%llx", comma, (unsigned long long)(known & -known));
		printf("\n");
	}
}

static void print_type(const struct layout *layout, const struct field *field)
{
	unsigned int bits = 8u * field->size;

	if (is_resource(field->kind)) {
		printf("%s%s", resources[field->kind], field->arg ? " (out)" : "");
		return;
	}
	switch (field->kind) {
	case KIND_ZERO:
		printf("const[0, int%u]", bits);
		break;
	case KIND_ENUM:
		printf("int%u[0:%llu]", bits, (unsigned long long)field->arg - 1);
		break;
	case KIND_FLAGS:
		printf("flags[%s%s_%s, int%u]", prefix(layout), layout->name, field->name, bits);
		break;
	case KIND_ARRAY:
		printf("%s_array", field->of->name);
		break;
	case KIND_USER:
		if (strstr(layout->name, "userptr"))
			printf("vma64");
		else
			printf("ptr64[inout, array[int8]]");
		break;
	case KIND_OUT:
		if (field->size > 8)
			printf("array[const[0, int8], %u]", field->size);
		else
			printf("const[0, int%u]", bits);
		break;
	default:
		printf("int%u", bits);
	}
}

/* An array in place of struct drm_tern_array: stride and count follow from what it points to. */
static void print_array(const struct layout *of)
{
	printf("\n%s_array {\n\tstride\tconst[%zu, int32]\n\tcount\tlen[pointer, int32]\n"
	       "\tpointer\tptr64[in, array[%s, 0:4]]\n}\n",
	       of->name, of->size, of->name);
}

static bool is_new(const struct layout *layout)
{
	static const struct layout *done[64];
	static unsigned int n;

	for (unsigned int i = 0; i < n; i++)
		if (done[i] == layout)
			return false;
	done[n++] = layout;
	return true;
}

static void print_layout(const struct layout *layout)
{
	printf("\n%s%s {\n", prefix(layout), layout->name);
	for (unsigned int i = 0; i < layout->fields; i++) {
		printf("\t%s\t", layout->field[i].name);
		print_type(layout, &layout->field[i]);
		printf("\n");
	}
	printf("}\n");
	print_flags(layout);
	for (unsigned int i = 0; i < layout->fields; i++) {
		const struct layout *of = layout->field[i].of;

		if (!of || !is_new(of))
			continue;
		print_array(of);
		print_layout(of);
	}
}

void syzkaller_print(void)
{
	printf("# Printed by fuzz-ioctl --syzkaller.\n\ninclude <drm/tern_accel.h>\n\n"
	       "resource fd_tern[fd]\nresource tern_fd[fd]\n");
	for (enum kind kind = KIND_BO; kind < KIND_FD; kind++)
		printf("resource %s[int32]: 0\n", resources[kind]);
	printf("\nsyz_open_dev$tern(dev ptr[in, string[\"/dev/accel/accel#\"]], id intptr, "
	       "flags flags[open_flags]) fd_tern\n");
	for (unsigned int i = 0; i < call_count; i++)
		printf("ioctl$tern_%s(fd fd_tern, cmd const[DRM_IOCTL_%s], arg ptr[inout, %s%s])\n",
		       calls[i].name, calls[i].name, prefix(calls[i].args), calls[i].args->name);
	for (unsigned int i = 0; i < call_count; i++)
		print_layout(calls[i].args);
}
