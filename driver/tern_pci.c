// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI door.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>

#include <drm/drm_drv.h>

#include "tern_device.h"
#include "tern_drv.h"

static void pci_master(struct tern_device *tdev, bool on)
{
	struct pci_dev *pdev = to_pci_dev(tdev->drm.dev);

	if (on)
		pci_set_master(pdev);
	else
		pci_clear_master(pdev);
}

/*
 * It begins nothing any more, and an answer of it does not overtake what it wrote before. That of a
 * device that is gone are all ones.
 */
static int pci_halt(struct tern_device *tdev)
{
	u16 command;

	pci_read_config_word(to_pci_dev(tdev->drm.dev), PCI_COMMAND, &command);
	return PCI_POSSIBLE_ERROR(command) || !(command & PCI_COMMAND_MASTER) ? 0 : -EIO;
}

/* Function level reset; the core saves and restores configuration space around it. */
static int pci_reset(struct tern_device *tdev)
{
	return pci_reset_function_locked(to_pci_dev(tdev->drm.dev));
}

/* By default PCI devices stay awake until somebody says otherwise. */
static void pci_power(struct tern_device *tdev, bool on)
{
	struct device *dev = tdev->drm.dev;

	if (!on) {
		pm_runtime_forbid(dev);
		return;
	}
	/* It is awake, even if a predecessor failed to wake it: that error would stay for ever. */
	pm_runtime_set_active(dev);
	pm_runtime_allow(dev);
}

static const struct tern_door pci_door = {
	.name = "PCI",
	.irq_auto = true,
	.master = pci_master,
	.halt = pci_halt,
	.reset = pci_reset,
	.power = pci_power,
};

static void __iomem *map_region(struct tern_device *tdev, enum tern_bar bar, unsigned int region)
{
	struct pci_dev *pdev = to_pci_dev(tdev->drm.dev);
	void __iomem *map = pcim_iomap(pdev, bar, 0);

	tdev->bar_size[region] = pci_resource_len(pdev, bar);
	if (!map)
		drm_err(&tdev->drm, "BAR %d cannot be mapped\n", bar);
	return map;
}

static int map_regions(struct tern_device *tdev)
{
	struct pci_dev *pdev = to_pci_dev(tdev->drm.dev);
	int ret = pcim_request_all_regions(pdev, "tern");

	if (ret)
		return ret;
	tdev->regs = map_region(tdev, TERN_BAR_REGS, TERN_REGION_REGS);
	tdev->doorbell = map_region(tdev, TERN_BAR_DOORBELL, TERN_REGION_DOORBELL);
	tdev->tcm = map_region(tdev, TERN_BAR_TCM, TERN_REGION_TCM);
	/* Where the CPU reaches no BAR by a pointer, neither does a process: User Mode Linux. */
	if (!IS_ENABLED(CONFIG_INDIRECT_IOMEM))
		tdev->doorbell_phys = pci_resource_start(pdev, TERN_BAR_DOORBELL);
	if (!tdev->regs || !tdev->doorbell || !tdev->tcm)
		return -ENODEV;
	return tdev->bar_size[TERN_REGION_REGS] < TERN_REGS_MSIX ? -ENODEV : 0;
}

static int find_irqs(struct tern_device *tdev)
{
	struct pci_dev *pdev = to_pci_dev(tdev->drm.dev);
	int i, count;

	count = pci_alloc_irq_vectors(pdev, 1, TERN_IRQ_VECTORS, PCI_IRQ_MSIX | PCI_IRQ_MSI);
	if (count < 0)
		return count;
	for (i = 0; i < count; i++)
		tdev->irq.line[i] = pci_irq_vector(pdev, i);
	tdev->irq.count = count;
	return 0;
}

static int pci_init(struct tern_device *tdev, struct pci_dev *pdev)
{
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = map_regions(tdev);
	if (ret)
		return ret;
	ret = find_irqs(tdev);
	if (ret)
		return ret;
	ret = tern_device_add(tdev);
	if (ret)
		pci_free_irq_vectors(pdev);
	return ret;
}

static int tern_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct tern_device *tdev;

	tdev = devm_drm_dev_alloc(&pdev->dev, &tern_driver, struct tern_device, drm);
	if (IS_ERR(tdev))
		return PTR_ERR(tdev);
	tdev->door = &pci_door;
	tdev->model = id->vendor == TERN_PCI_VENDOR && id->device == TERN_PCI_DEVICE;
	pci_set_drvdata(pdev, tdev);
	return pci_init(tdev, pdev);
}

static void tern_pci_remove(struct pci_dev *pdev)
{
	struct tern_device *tdev = pci_get_drvdata(pdev);

	tern_device_remove(tdev);
	pci_free_irq_vectors(pdev);
}

static void tern_pci_reset_prepare(struct pci_dev *pdev)
{
	tern_pm_before_reset(pci_get_drvdata(pdev));
}

static void tern_pci_reset_done(struct pci_dev *pdev)
{
	tern_pm_after_reset(pci_get_drvdata(pdev));
}

static const struct pci_error_handlers error_handlers = {
	.reset_prepare = tern_pci_reset_prepare,
	.reset_done = tern_pci_reset_done,
};

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(TERN_PCI_VENDOR, TERN_PCI_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver pci_driver = {
	.name = "tern",
	.id_table = ids,
	.probe = tern_pci_probe,
	.remove = tern_pci_remove,
	.shutdown = tern_pci_remove, /* it reaches memory no more, whoever comes next */
	.err_handler = &error_handlers,
	.driver.pm = pm_ptr(&tern_pm_ops),
};

int tern_pci_register(void)
{
	return pci_register_driver(&pci_driver);
}

void tern_pci_unregister(void)
{
	pci_unregister_driver(&pci_driver);
}
