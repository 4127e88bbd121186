// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: The platform door
 *
 * An NPU inside an SoC: described by device tree (dts/tern,npu.yaml), or by whoever registers a
 * platform device of that name. Interrupts are lines, so a cause stays set until a register is
 * written, and no gate stands before the bus but the device's own DMA_ENABLE. Clocks run as long
 * as the driver is bound; a power domain may go off while the device sleeps, which costs a boot.
 */
#include <linux/clk.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/property.h>
#include <linux/reset.h>

#include <drm/drm_drv.h>

#include "tern_device.h"
#include "tern_drv.h"

/* For how long the reset line is held: many periods of any clock a device may have. */
#define RESET_US 10

/**
 * struct tern_of - A device behind this door
 */
struct tern_of {
	/** @tdev: The device */
	struct tern_device tdev;
	/** @reset: Its reset line; NULL if it has none */
	struct reset_control *reset;
};

static const char *const clock_names[] = { "core", "bus" };
static const char *const region_names[] = {
	[TERN_REGION_REGS] = "regs",
	[TERN_REGION_DOORBELL] = "doorbell",
	[TERN_REGION_TCM] = "tcm",
};

#define REGIONS ARRAY_SIZE(region_names)

/* ---- The door ------------------------------------------------------------- */

/* DMA_ENABLE is all there is. */
static void of_master(struct tern_device *tdev, bool on)
{
}

static int of_reset(struct tern_device *tdev)
{
	struct reset_control *line = container_of(tdev, struct tern_of, tdev)->reset;
	int ret;

	if (!line)
		return -ENODEV;
	ret = reset_control_assert(line);
	if (ret == -ENOTSUPP) /* the controller only knows pulses */
		return reset_control_reset(line);
	if (ret)
		return ret;
	usleep_range(RESET_US, 2 * RESET_US);
	return reset_control_deassert(line);
}

/* What a reset device had begun does not go on, and nothing begins before DMA_ENABLE. */
static int of_halt(struct tern_device *tdev)
{
	return of_reset(tdev);
}

/* As PCI's core has it before a probe: awake, and one user more. */
static void of_power(struct tern_device *tdev, bool on)
{
	struct device *dev = tdev->drm.dev;

	if (on) {
		pm_runtime_get_noresume(dev);
		pm_runtime_set_active(dev);
		pm_runtime_enable(dev);
	} else {
		pm_runtime_disable(dev);
		pm_runtime_set_suspended(dev);
		pm_runtime_put_noidle(dev);
	}
}

static const struct tern_door of_door = {
	.name = "platform",
	.irq_auto = false,
	.master = of_master,
	.halt = of_halt,
	.reset = of_reset,
	.power = of_power,
};

/* ---- Regions -------------------------------------------------------------- */

/* Of the firmware's memory the device itself says how much it needs (tern_fw.c). */
static resource_size_t least_size(unsigned int region)
{
	switch (region) {
	case TERN_REGION_REGS:
		return TERN_REGS_MSIX;
	case TERN_REGION_DOORBELL:
		return TERN_NSLOTS * PAGE_SIZE;
	default:
		return PAGE_SIZE;
	}
}

static int check_region(struct device *dev, struct resource *const res[], unsigned int region)
{
	const char *name = region_names[region];
	resource_size_t least = least_size(region);
	unsigned int i;

	if (!res[region])
		return dev_err_probe(dev, -EINVAL, "region \"%s\" is missing\n", name);
	if (resource_size(res[region]) < least)
		return dev_err_probe(dev, -EINVAL, "region \"%s\" %pR is less than %#llx bytes\n",
				     name, res[region], (u64)least);
	/* Processes map doorbells, and a page shows all that is in it. */
	if (region == TERN_REGION_DOORBELL && !PAGE_ALIGNED(res[region]->start))
		return dev_err_probe(dev, -EINVAL, "region \"%s\" %pR begins within a page\n",
				     name, res[region]);
	for (i = 0; i < region; i++)
		if (resource_overlaps(res[i], res[region]))
			return dev_err_probe(dev, -EINVAL, "region \"%s\" %pR is partly \"%s\"\n",
					     name, res[region], region_names[i]);
	return 0;
}

static int map_regions(struct tern_device *tdev, struct platform_device *pdev)
{
	void __iomem **const map[REGIONS] = {
		[TERN_REGION_REGS] = &tdev->regs,
		[TERN_REGION_DOORBELL] = &tdev->doorbell,
		[TERN_REGION_TCM] = &tdev->tcm,
	};
	struct resource *res[REGIONS];
	unsigned int i;
	int ret;

	for (i = 0; i < REGIONS; i++) {
		res[i] = platform_get_resource_byname(pdev, IORESOURCE_MEM, region_names[i]);
		ret = check_region(&pdev->dev, res, i);
		if (ret)
			return ret;
	}
	for (i = 0; i < REGIONS; i++) {
		tdev->bar_size[i] = resource_size(res[i]);
		*map[i] = devm_ioremap_resource(&pdev->dev, res[i]);
		if (IS_ERR(*map[i]))
			return PTR_ERR(*map[i]); /* it has said why */
	}
	/* Where the CPU reaches no region by a pointer, neither does a process. */
	if (!IS_ENABLED(CONFIG_INDIRECT_IOMEM))
		tdev->doorbell_phys = res[TERN_REGION_DOORBELL]->start;
	return 0;
}

/* ---- Interrupts, clocks, reset ---------------------------------------------- */

/* Two with names, or one that is for all. */
static int find_irqs(struct tern_device *tdev, struct platform_device *pdev)
{
	int control = platform_get_irq_byname_optional(pdev, "control");
	int first;

	if (control < 0 && control != -ENXIO)
		return dev_err_probe(&pdev->dev, control, "interrupt \"control\"\n");
	if (control > 0)
		first = platform_get_irq_byname_optional(pdev, "memory");
	else
		first = platform_get_irq_optional(pdev, 0);
	if (first < 0)
		return dev_err_probe(&pdev->dev, first, "interrupt \"memory\" is missing\n");
	tdev->irq.line[0] = first;
	tdev->irq.count = 1;
	if (control > 0)
		tdev->irq.line[tdev->irq.count++] = control;
	return 0;
}

static int start_clocks(struct device *dev)
{
	struct clk *clock;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(clock_names); i++) {
		clock = devm_clk_get_optional_enabled(dev, clock_names[i]);
		if (IS_ERR(clock))
			return dev_err_probe(dev, PTR_ERR(clock), "clock \"%s\" does not start\n",
					     clock_names[i]);
	}
	return 0;
}

/* Whoever was here before may have left it in reset. */
static int leave_reset(struct tern_of *of, struct device *dev)
{
	int ret;

	of->reset = devm_reset_control_get_optional_exclusive(dev, NULL);
	if (IS_ERR(of->reset))
		return dev_err_probe(dev, PTR_ERR(of->reset), "no use of its reset line\n");
	ret = reset_control_deassert(of->reset);
	if (ret)
		return dev_err_probe(dev, ret, "its reset line does not let go\n");
	return 0;
}

static int find_resources(struct tern_of *of, struct platform_device *pdev)
{
	int ret;

	ret = map_regions(&of->tdev, pdev);
	if (ret)
		return ret;
	ret = find_irqs(&of->tdev, pdev);
	if (ret)
		return ret;
	ret = start_clocks(&pdev->dev);
	if (ret)
		return ret;
	return leave_reset(of, &pdev->dev);
}

/* ---- The driver --------------------------------------------------------------- */

/* What both tables know of a device: is it a model, or silicon? */
static bool is_model(struct platform_device *pdev)
{
	const struct platform_device_id *id = platform_get_device_id(pdev);

	return id ? id->driver_data : !!device_get_match_data(&pdev->dev);
}

static int tern_of_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct tern_of *of;
	int ret;

	of = devm_drm_dev_alloc(dev, &tern_driver, struct tern_of, tdev.drm);
	if (IS_ERR(of))
		return PTR_ERR(of);
	of->tdev.door = &of_door;
	of->tdev.model = is_model(pdev);
	platform_set_drvdata(pdev, &of->tdev);
	ret = find_resources(of, pdev);
	return ret ?: tern_device_add(&of->tdev);
}

static void tern_of_remove(struct platform_device *pdev)
{
	tern_device_remove(platform_get_drvdata(pdev));
}

static const struct of_device_id of_ids[] = {
	{ .compatible = "tern,npu-model", .data = (void *)true },
	{ .compatible = "tern,npu" },
	{ }
};
MODULE_DEVICE_TABLE(of, of_ids);

static const struct platform_device_id platform_ids[] = {
	{ .name = "tern-npu-model", .driver_data = true },
	{ .name = "tern-npu" },
	{ }
};
MODULE_DEVICE_TABLE(platform, platform_ids);

static struct platform_driver of_driver = {
	.id_table = platform_ids,
	.probe = tern_of_probe,
	.remove = tern_of_remove,
	.shutdown = tern_of_remove, /* it reaches memory no more, whoever comes next */
	.driver = {
		.name = "tern",
		.of_match_table = of_ids,
		.pm = pm_ptr(&tern_pm_ops),
	},
};

int tern_of_register(void)
{
	return platform_driver_register(&of_driver);
}

void tern_of_unregister(void)
{
	platform_driver_unregister(&of_driver);
}
