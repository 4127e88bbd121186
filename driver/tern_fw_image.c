// SPDX-License-Identifier: GPL-2.0
/*
 * Is a file a firmware that may be loaded? Pure: also compiled in user space.
 */
#include "tern_fw_image.h"

static bool string_ends(const char *text, size_t size)
{
	return memchr(text, 0, size);
}

static bool multiple_of_4(__u32 value)
{
	return !(value & 3);
}

static enum tern_fw_image_error check_versions(const struct tern_fw_header *header,
					       const struct tern_fw_limits *limits)
{
	if (le16_to_cpu(header->major) != TERN_FW_MAJOR)
		return TERN_FW_IMAGE_MAJOR;
	if (le16_to_cpu(header->interface_major) != limits->interface >> 16 ||
	    le16_to_cpu(header->interface_minor) > (limits->interface & 0xffff))
		return TERN_FW_IMAGE_INTERFACE;
	if (le32_to_cpu(header->security_version) < limits->security_version)
		return TERN_FW_IMAGE_SECURITY;
	if (header->signature_kind)
		return TERN_FW_IMAGE_SIGNATURE;
	return TERN_FW_IMAGE_NONE;
}

static enum tern_fw_image_error check_section(const struct tern_fw_section *section, __u32 bytes,
					      __u32 tcm_bytes)
{
	__u32 offset = le32_to_cpu(section->offset), in_file = le32_to_cpu(section->file_bytes);
	__u32 tcm = le32_to_cpu(section->tcm), in_tcm = le32_to_cpu(section->mem_bytes);
	__u32 end;

	if (le32_to_cpu(section->flags) & ~TERN_FW_SECTION_FLAGS || section->reserved)
		return TERN_FW_IMAGE_RESERVED;
	if (!multiple_of_4(offset | in_file | tcm | in_tcm) || in_file > in_tcm)
		return TERN_FW_IMAGE_RANGE;
	if (offset < sizeof(struct tern_fw_header) || check_add_overflow(offset, in_file, &end) ||
	    end > bytes)
		return TERN_FW_IMAGE_RANGE;
	if (check_add_overflow(tcm, in_tcm, &end) || end > tcm_bytes)
		return TERN_FW_IMAGE_RANGE;
	return TERN_FW_IMAGE_NONE;
}

static bool overlap(const struct tern_fw_section *a, const struct tern_fw_section *b)
{
	/* No sum overflows: check_section() has seen both. */
	return le32_to_cpu(a->tcm) < le32_to_cpu(b->tcm) + le32_to_cpu(b->mem_bytes) &&
	       le32_to_cpu(b->tcm) < le32_to_cpu(a->tcm) + le32_to_cpu(a->mem_bytes);
}

static bool is_zero(const void *data, size_t bytes)
{
	const __u8 *byte = data;

	while (bytes--)
		if (*byte++)
			return false;
	return true;
}

static enum tern_fw_image_error check_sections(const struct tern_fw_header *header, __u32 bytes,
					       __u32 tcm_bytes)
{
	const struct tern_fw_section *section = header->section;
	__u32 i, j, n = le32_to_cpu(header->nsections);
	enum tern_fw_image_error error;

	if (n > TERN_FW_MAX_SECTIONS)
		return TERN_FW_IMAGE_SECTIONS;
	for (i = 0; i < n; i++) {
		error = check_section(&section[i], bytes, tcm_bytes);
		if (error)
			return error;
		for (j = 0; j < i; j++)
			if (overlap(&section[i], &section[j]))
				return TERN_FW_IMAGE_OVERLAP;
	}
	if (!is_zero(&section[n], (TERN_FW_MAX_SECTIONS - n) * sizeof(*section)))
		return TERN_FW_IMAGE_RESERVED;
	return TERN_FW_IMAGE_NONE;
}

static enum tern_fw_image_error check_entry(const struct tern_fw_header *header)
{
	__u32 i, n = le32_to_cpu(header->nsections), entry = le32_to_cpu(header->entry);

	if (!multiple_of_4(entry))
		return TERN_FW_IMAGE_ENTRY;
	for (i = 0; i < n; i++) {
		const struct tern_fw_section *section = &header->section[i];
		__u32 tcm = le32_to_cpu(section->tcm);

		if (le32_to_cpu(section->flags) & TERN_FW_SECTION_EXEC && entry >= tcm &&
		    entry - tcm < le32_to_cpu(section->mem_bytes))
			return TERN_FW_IMAGE_NONE;
	}
	return TERN_FW_IMAGE_ENTRY;
}

static enum tern_fw_image_error check_fixed(const struct tern_fw_header *header, size_t bytes)
{
	if (le32_to_cpu(header->magic) != TERN_FW_MAGIC)
		return TERN_FW_IMAGE_MAGIC;
	if (le32_to_cpu(header->header_version) != TERN_FW_HEADER_VERSION)
		return TERN_FW_IMAGE_HEADER;
	if (bytes > TERN_FW_MAX_FILE || le32_to_cpu(header->file_bytes) != bytes)
		return TERN_FW_IMAGE_LENGTH;
	return TERN_FW_IMAGE_NONE;
}

/**
 * tern_fw_image_check() - Validate a firmware file
 * @file: Its bytes, 4-byte aligned; nobody changes them meanwhile
 * @bytes: How many
 * @limits: What the device allows, and the hash of the file
 *
 * After NONE each offset and size in the header may be used without further checks.
 *
 * Return: TERN_FW_IMAGE_NONE, or why the file is refused
 */
enum tern_fw_image_error tern_fw_image_check(const void *file, size_t bytes,
					     const struct tern_fw_limits *limits)
{
	const struct tern_fw_header *header = file;
	enum tern_fw_image_error error;

	if (bytes < sizeof(*header))
		return TERN_FW_IMAGE_SHORT;
	error = check_fixed(header, bytes);
	if (error)
		return error;
	if (memcmp(header->sha256, limits->sha256, sizeof(limits->sha256)))
		return TERN_FW_IMAGE_HASH;
	error = check_versions(header, limits);
	if (error)
		return error;
	if (!string_ends(header->version, sizeof(header->version)) ||
	    !string_ends(header->build, sizeof(header->build)) ||
	    !is_zero(header->reserved, sizeof(header->reserved)) ||
	    !is_zero(header->signature, sizeof(header->signature)))
		return TERN_FW_IMAGE_RESERVED;
	error = check_sections(header, bytes, limits->tcm_bytes);
	if (error)
		return error;
	return check_entry(header);
}

/**
 * tern_fw_image_text() - Say in one sentence why a file is refused
 * @error: Result of tern_fw_image_check()
 *
 * Return: a string without newline
 */
const char *tern_fw_image_text(enum tern_fw_image_error error)
{
	static const char *const text[] = {
#define X(name, text) [TERN_FW_IMAGE_##name] = text,
		TERN_FW_IMAGE_ERRORS(X)
#undef X
	};

	return error < sizeof(text) / sizeof(text[0]) ? text[error] : "unknown";
}
