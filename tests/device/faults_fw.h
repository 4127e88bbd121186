/* SPDX-License-Identifier: GPL-2.0 */
/* Firmware that lies: its messages are spoilt on their way. */
#ifndef DEVICE_FAULTS_FW_H
#define DEVICE_FAULTS_FW_H

struct model;

void faults_tamper(struct model *m); /* before HOST_IRQ, under the model's lock */

#endif
