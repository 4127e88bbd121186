/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_DRV_H
#define TERN_DRV_H

#include <drm/drm_drv.h>

struct workqueue_struct;

/* Of drm/tern_accel.h: each addition raises the minor. */
#define TERN_DRIVER_MAJOR 1
#define TERN_DRIVER_MINOR 1

extern const struct drm_driver tern_driver;

struct workqueue_struct *tern_cleanup_wq(void);
int tern_drv_count(struct drm_device *drm);
int tern_of_register(void);
void tern_of_unregister(void);
#ifdef CONFIG_PCI
int tern_pci_register(void);
void tern_pci_unregister(void);
#else
static inline int tern_pci_register(void)
{
	return 0;
}

static inline void tern_pci_unregister(void)
{
}
#endif

#endif /* TERN_DRV_H */
