// SPDX-License-Identifier: GPL-2.0
/*
 * Shows a Tern card on PCI as what it would be inside an SoC: it takes the card and registers a
 * platform device with its regions and interrupts, which tern.ko's platform door then drives.
 * Its interrupts stay messages, which are harder to serve than wires: a cause that is left set
 * is told once and never again. Load it before tern.ko, or the PCI door takes the card. No IOMMU may be before the card: a
 * platform device has no mappings in it.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#include <tern/hw.h>

static char *spoil = "";
module_param(spoil, charp, 0444);
MODULE_PARM_DESC(spoil, "What is wrong with it: missing, small, unaligned, overlap, no-irq");

static int irqs = 2;
module_param(irqs, int, 0444);
MODULE_PARM_DESC(irqs, "Interrupts: one for all causes, or two");

#define REGIONS 3

static const struct {
	const char *name;
	int bar;
} regions[REGIONS] = {
	{"regs", TERN_BAR_REGS},
	{"doorbell", TERN_BAR_DOORBELL},
	{"tcm", TERN_BAR_TCM},
};

static const char *const irq_names[] = {"memory", "control"};

/* Below the card's own, so that giving it back leaves that where it is. */
static void describe_regions(struct pci_dev *card, struct resource *res)
{
	int i;

	for (i = 0; i < REGIONS; i++)
		res[i] = (struct resource){
			.name = regions[i].name,
			.start = pci_resource_start(card, regions[i].bar),
			.end = pci_resource_end(card, regions[i].bar),
			.flags = IORESOURCE_MEM,
			.parent = pci_resource_n(card, regions[i].bar),
		};
}

static int describe_irqs(struct pci_dev *card, struct resource *res)
{
	int i, n = pci_alloc_irq_vectors(card, irqs, irqs, PCI_IRQ_MSIX);

	for (i = 0; i < n; i++)
		res[i] = (struct resource)DEFINE_RES_NAMED(
			pci_irq_vector(card, i), 1, n > 1 ? irq_names[i] : NULL, IORESOURCE_IRQ);
	return n;
}

/* What overlaps lies inside the other, or the kernel would not have it. */
static void spoil_it(struct resource *res, int *n)
{
	if (!strcmp(spoil, "missing"))
		res[2].name = "tmc";
	if (!strcmp(spoil, "small"))
		res[0].end = res[0].start + TERN_REGS_MSIX / 2 - 1;
	if (!strcmp(spoil, "unaligned"))
		res[1].start += 64;
	if (!strcmp(spoil, "overlap"))
		res[2] = (struct resource){
			.name = regions[2].name,
			.start = res[1].end - PAGE_SIZE + 1,
			.end = res[1].end,
			.flags = IORESOURCE_MEM,
			.parent = res[1].parent,
		};
	if (!strcmp(spoil, "no-irq"))
		*n = 0;
}

static struct platform_device *add(struct pci_dev *card)
{
	struct resource res[REGIONS + ARRAY_SIZE(irq_names)];
	struct platform_device_info info = {
		.parent = &card->dev,
		.name = "tern-npu-model",
		.id = PLATFORM_DEVID_NONE,
		.res = res,
		.dma_mask = DMA_BIT_MASK(TERN_VA_BITS),
	};
	int n;

	describe_regions(card, res);
	n = describe_irqs(card, res + REGIONS);
	if (n < 0)
		return ERR_PTR(n);
	spoil_it(res, &n);
	info.num_res = REGIONS + n;
	return platform_device_register_full(&info);
}

static int card_probe(struct pci_dev *card, const struct pci_device_id *id)
{
	struct platform_device *npu;
	int ret = pcim_enable_device(card);

	if (ret)
		return ret;
	pci_set_master(card);
	npu = add(card);
	if (IS_ERR(npu)) {
		pci_free_irq_vectors(card);
		return PTR_ERR(npu);
	}
	pci_set_drvdata(card, npu);
	return 0;
}

static void card_remove(struct pci_dev *card)
{
	platform_device_unregister(pci_get_drvdata(card));
	pci_clear_master(card);
	pci_free_irq_vectors(card);
}

static const struct pci_device_id ids[] = {{PCI_DEVICE(TERN_PCI_VENDOR, TERN_PCI_DEVICE)}, {}};

static struct pci_driver card_driver = {
	.name = "platform_card",
	.id_table = ids,
	.probe = card_probe,
	.remove = card_remove,
};

module_pci_driver(card_driver);
MODULE_DESCRIPTION("A Tern card on PCI as a platform device");
MODULE_LICENSE("GPL");
