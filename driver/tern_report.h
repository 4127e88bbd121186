/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_REPORT_H
#define TERN_REPORT_H

#include "tern_pure.h"
#include <drm/tern_accel.h>
#include <tern/fw.h>
#include <tern/hw.h>

bool tern_report_caps(const struct tern_caps *caps);
bool tern_report_doorbells(__u32 stride, __u64 page, __u64 region);
const char *tern_report_info(const struct tern_fw_info *info, __u64 offered);
bool tern_report_done(__u64 done, __u64 collected, __u64 write);
bool tern_report_fault(const struct tern_fault *in, struct drm_tern_fault *out);

#endif /* TERN_REPORT_H */
