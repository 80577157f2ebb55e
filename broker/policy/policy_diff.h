/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What one state of the policy files changed of another, for those who read the audit trail. */

/* Two texts as policy_set has them: "added: a; changed: b, c; removed: d", "only comments or order
 * changed", or "unchanged"; `before` NULL or "": everything is added. At most LIMIT_REASON bytes,
 * what does not fit is counted. The caller frees. NULL when out of memory. */
char *policy_diff(const char *before, const char *after);
