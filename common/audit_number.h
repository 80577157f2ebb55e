/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The numbers of the kernel's audit in /proc/PID/loginuid and /proc/PID/sessionid (proc(5)):
 * decimal, without a newline, UINT32_MAX where nobody has set it. */

#include <stdint.h>

/* Returns 0 and the number; a negative errno where the file cannot be read (-ENOENT: there is no
 * such process, or the kernel has no audit); -EBADMSG where it holds anything else. */
int audit_number_read(const char *path, uint32_t *ret_number);
