// SPDX-License-Identifier: GPL-2.0
/*
 * The least that a rig can take from the host to the card and back: one posted write to a register,
 * one MSI-X, and the task that waited runs again. Nothing of tern.ko, of the firmware or of the
 * engines is in it. Load it without tern.ko; each read of /sys/kernel/debug/tern_floor measures
 * anew and gives nanoseconds, a line per round.
 *
 * A cause that is set interrupts when it is enabled (uapi/tern/hw.h). So one is set once, by an
 * invalidation that nobody needs, and enabled again and again; disabling it is not timed.
 */
#include <linux/debugfs.h>
#include <linux/interrupt.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/wait.h>

#include <tern/hw.h>

static unsigned int rounds = 2000;
module_param(rounds, uint, 0644);
MODULE_PARM_DESC(rounds, "How often it is measured");

#define CAUSE	 TERN_IRQ_INVALIDATED
#define TOO_LONG (10 * HZ)

struct floor {
	void __iomem *regs;
	struct dentry *file;
	wait_queue_head_t wait;
	bool woken;
};

static irqreturn_t interrupt(int irq, void *data)
{
	struct floor *floor = data;

	WRITE_ONCE(floor->woken, true);
	wake_up(&floor->wait);
	return IRQ_HANDLED;
}

static void write_reg(struct floor *floor, u32 reg, u32 value)
{
	writel(value, floor->regs + reg);
}

static u32 read_reg(struct floor *floor, u32 reg)
{
	return readl(floor->regs + reg);
}

/* Nanoseconds; 0: nothing came. */
static u64 one_round(struct floor *floor)
{
	u64 begin;
	long left;

	write_reg(floor, TERN_REG_IRQ_ENABLE, 0);
	read_reg(floor, TERN_REG_IRQ_ENABLE); /* the card is done with it */
	WRITE_ONCE(floor->woken, false);
	begin = ktime_get_ns();
	write_reg(floor, TERN_REG_IRQ_ENABLE, CAUSE);
	left = wait_event_timeout(floor->wait, READ_ONCE(floor->woken), TOO_LONG);
	return left ? ktime_get_ns() - begin : 0;
}

static int samples_show(struct seq_file *m, void *unused)
{
	struct floor *floor = m->private;
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		u64 ns = one_round(floor);

		if (!ns)
			return -ETIMEDOUT;
		seq_printf(m, "%llu\n", ns);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(samples);

static int set_cause(struct floor *floor)
{
	int i;

	write_reg(floor, TERN_REG_IRQ_AUTO, 0);
	write_reg(floor, TERN_REG_IRQ_VECTOR, 0);
	write_reg(floor, TERN_REG_INV_ASID, 1);
	write_reg(floor, TERN_REG_INV_REQUEST, read_reg(floor, TERN_REG_INV_DONE) + 1);
	for (i = 0; i < 1000; i++)
		if (read_reg(floor, TERN_REG_IRQ_STATUS) & CAUSE)
			return 0;
	return -EIO;
}

static int floor_probe(struct pci_dev *card, const struct pci_device_id *id)
{
	struct floor *floor = devm_kzalloc(&card->dev, sizeof(*floor), GFP_KERNEL);
	int ret = floor ? pcim_enable_device(card) : -ENOMEM;

	if (ret)
		return ret;
	init_waitqueue_head(&floor->wait);
	floor->regs = pcim_iomap(card, TERN_BAR_REGS, 0);
	if (!floor->regs)
		return -ENOMEM;
	pci_set_master(card);
	write_reg(floor, TERN_REG_DMA_ENABLE, 1); /* a message is a write to memory */
	ret = pci_alloc_irq_vectors(card, 1, 1, PCI_IRQ_MSIX);
	if (ret < 0)
		return ret;
	ret = set_cause(floor);
	if (!ret)
		ret = request_irq(pci_irq_vector(card, 0), interrupt, 0, "tern_floor", floor);
	if (ret) {
		pci_free_irq_vectors(card);
		return ret;
	}
	pci_set_drvdata(card, floor);
	floor->file = debugfs_create_file("tern_floor", 0400, NULL, floor, &samples_fops);
	return 0;
}

static void floor_remove(struct pci_dev *card)
{
	struct floor *floor = pci_get_drvdata(card);

	debugfs_remove(floor->file);
	write_reg(floor, TERN_REG_IRQ_ENABLE, 0);
	write_reg(floor, TERN_REG_IRQ_STATUS, CAUSE);
	write_reg(floor, TERN_REG_DMA_ENABLE, 0);
	free_irq(pci_irq_vector(card, 0), floor);
	pci_free_irq_vectors(card);
	pci_clear_master(card);
}

static const struct pci_device_id ids[] = {{PCI_DEVICE(TERN_PCI_VENDOR, TERN_PCI_DEVICE)}, {}};

static struct pci_driver floor_driver = {
	.name = "tern_floor",
	.id_table = ids,
	.probe = floor_probe,
	.remove = floor_remove,
};

module_pci_driver(floor_driver);
MODULE_DESCRIPTION("One posted write and one MSI-X of a Tern card, timed");
MODULE_LICENSE("GPL");
