/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one place where the broker reads its clocks. */

#include "core/checkout.h"

/* Wall clock, CLOCK_BOOTTIME and boot id as they are now. Never fails: both clocks always exist on
 * Linux, and a boot id that cannot be read is empty, which equals no stored one. */
struct moment moment_now(void);
