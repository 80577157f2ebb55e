/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "duration.h"
#include "session/live.h"
#include "session/speak.h"
#include "text.h"

#define LINE_SIZE 1200
#define NAME_SIZE 80
#define REASON_SIZE 400

uint64_t live_left(const struct live *live, const struct moment *now)
{
    return window_left(live->end, live->end_boot, now);
}

static void say(struct live *live, const char *line)
{
    (void)speak(live->session, live->keeper->settings.cgroups, live->keeper->settings.devices,
                line);
}

/* "check-out 17 (alice as root)" */
static int start_line(char *line, const struct live *live)
{
    char person[NAME_SIZE], account[NAME_SIZE];

    text_escape_to(person, sizeof(person), live->person ? live->person : live->session->person);
    text_escape_to(account, sizeof(account), live->session->account);
    return snprintf(line, LINE_SIZE, "[pam_checkout] check-out %" PRIu64 " (%s as %s) ",
                    live->session->checkout_id, person, account);
}

void warn_near(struct live *live, const struct moment *now)
{
    char line[LINE_SIZE], left[DURATION_TEXT_MAX], when[16] = "";
    time_t end = (time_t)(now->wall + live_left(live, now));
    uint64_t warn_before;
    bool ends = ledger_on_end(live->keeper->settings.ledger, live->policy ? live->policy : "",
                              &warn_before) == ON_END_TERMINATE;
    int length = start_line(line, live);
    struct tm at;

    if (localtime_r(&end, &at))
        (void)strftime(when, sizeof(when), "%H:%M:%S", &at);
    (void)snprintf(line + length, sizeof(line) - (size_t)length,
                   "ends at %s, in %s%s; for more time: checkoutctl extend %" PRIu64
                   " --for 1h --reason \"why\"",
                   when, duration_format(live_left(live, now), left),
                   ends ? ", and this session with it" : "", live->session->checkout_id);
    say(live, line);
}

void warn_end(struct live *live, bool ends)
{
    char line[LINE_SIZE], why[REASON_SIZE];
    int length = start_line(line, live);

    text_escape_to(why, sizeof(why), live->why);
    (void)snprintf(line + length, sizeof(line) - (size_t)length, "is over: %s; %s", why,
                   ends ? "this session ends now" : "please leave this session");
    say(live, line);
}
