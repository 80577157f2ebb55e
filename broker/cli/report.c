/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>
#include <time.h>

#include "cli/arguments.h"
#include "cli/broker.h"
#include "cli/record.h"
#include "cli/times.h"
#include "duration.h"

DEFINE_CLEANUP(struct libscols_table *, scols_table, scols_unref_table);
#define CLEANUP_TABLE CLEANUP(cleanup_scols_table)

enum { BY, SINCE, UNTIL, CSV, N_OPTIONS };

enum by { BY_PERSON, BY_ACCOUNT, BY_APPROVER, BY_STATE, BY_MONTH, N_BY };
static const char *const by_names[N_BY] = {"person", "account", "approver", "state", "month"};

/* What is counted, in the order of the columns. */
enum count {
    REQUESTED,
    APPROVED,
    DENIED,
    CANCELLED,
    LAPSED,
    RETURNED,
    REVOKED,
    EXPIRED,
    EXTENDED,
    SELF_APPROVALS,
    DOOR_REFUSALS,
    SESSIONS,
    KILLED,
    SURVIVED,
    N_COUNTS
};
static const struct {
    const char *event, *key, *heading;
} counts[N_COUNTS] = {
    [REQUESTED] = {"requested", "requested", "REQUESTED"},
    [APPROVED] = {"approved", "approved", "APPROVED"},
    [DENIED] = {"denied", "denied", "DENIED"},
    [CANCELLED] = {"cancelled", "cancelled", "CANCELLED"},
    [LAPSED] = {"lapsed", "lapsed", "LAPSED"},
    [RETURNED] = {"returned", "returned", "RETURNED"},
    [REVOKED] = {"revoked", "revoked", "REVOKED"},
    [EXPIRED] = {"expired", "expired", "EXPIRED"},
    [EXTENDED] = {"extended", "extended", "EXTENDED"},
    [SELF_APPROVALS] = {"decision-refused", "self_approvals", "SELF-APPROVALS"},
    [DOOR_REFUSALS] = {"door-refused", "door_refusals", "TURNED AWAY"},
    [SESSIONS] = {"session-opened", "sessions", "SESSIONS"},
    [KILLED] = {"session-killed", "killed", "KILLED"},
    [SURVIVED] = {"session-survived", "survived", "SURVIVED"},
};

struct group {
    char *key;
    uint64_t counts[N_COUNTS];
    struct times decided; /* from the request on */
    uint64_t longest_window;
};

struct report {
    struct output *output;
    const struct argument *arguments;
    enum by by;
    json_t *places; /* key: index of its group */
    struct group *groups;
    size_t n_groups;
};

static struct group *find_group(struct report *report, const char *key)
{
    const json_t *place = json_object_get(report->places, key);
    struct group *groups;

    if (place)
        return &report->groups[json_integer_value(place)];
    groups = reallocarray(report->groups, report->n_groups + 1, sizeof(*groups));
    if (!groups)
        return NULL;
    report->groups = groups;
    groups[report->n_groups] = (struct group){.key = strdup(key)};
    if (!groups[report->n_groups].key ||
        json_object_set_new(report->places, key, json_integer((json_int_t)report->n_groups)) < 0) {
        free(groups[report->n_groups].key);
        return NULL;
    }
    return &groups[report->n_groups++];
}

/* Whom or what a record counts for; NULL: nothing of this report. */
static const char *key_of(const struct report *report, const json_t *record, enum count count,
                          char buffer[static 16])
{
    time_t when = (time_t)value_number(record, "time");
    struct tm day;

    switch (report->by) {
    case BY_PERSON:
        return value_text(record, count == SELF_APPROVALS ? "actor" : "person");
    case BY_ACCOUNT:
        return value_text(record, "account");
    case BY_APPROVER:
        return count == APPROVED || count == DENIED || count == REVOKED || count == SELF_APPROVALS
                   ? value_text(record, "actor")
                   : NULL;
    case BY_STATE:
        return value_text(record, "state_new");
    default:
        return localtime_r(&when, &day) && strftime(buffer, 16, "%Y-%m", &day) ? buffer : NULL;
    }
}

/* What a record counts as. For approvers it is each decision of theirs that counts, not only the
 * one that completed the quorum. */
static enum count count_of(const struct report *report, const json_t *record)
{
    const char *event = value_text(record, "event"), *old = value_text(record, "state_old");
    const char *refusal = value_text(record, "refusal");

    if (!event)
        return N_COUNTS;
    if (report->by == BY_APPROVER && strcmp(event, "decision") == 0)
        return APPROVED;
    if (report->by == BY_APPROVER && strcmp(event, "approved") == 0)
        return N_COUNTS;
    /* A request that needs no approval has no other record. */
    if (strcmp(event, "approved") == 0 && !old && report->by != BY_STATE)
        return REQUESTED;
    for (int i = 0; i < N_COUNTS; i++)
        if (strcmp(counts[i].event, event) == 0)
            return i == SELF_APPROVALS && (!refusal || strcmp(refusal, "SelfApproval") != 0)
                       ? N_COUNTS
                       : (enum count)i;
    return N_COUNTS;
}

static void add(struct report *report, struct group *group, enum count count, const json_t *record)
{
    uint64_t time = value_number(record, "time"), asked = value_number(record, "requested");
    const char *event = value_text(record, "event");
    bool at_once = count == REQUESTED && strcmp(event, "approved") == 0;

    /* Refusals that repeat are in the next record that there is. */
    group->counts[count] += 1 + value_number(record, "repeats");
    if (at_once)
        group->counts[APPROVED]++;
    if ((count == APPROVED || count == DENIED) && asked && time >= asked)
        times_add(&group->decided, time - asked);
    (void)report;
}

static void add_window(struct group *group, const json_t *record)
{
    uint64_t start = value_number(record, "start"), end = value_number(record, "end");

    if (end > start && end - start > group->longest_window)
        group->longest_window = end - start;
}

static int report_one(json_t *row, void *userdata)
{
    struct report *report = userdata;
    CLEANUP_JSON json_t *record = record_of(row);
    uint64_t time = value_number(record, "time");
    const char *event = value_text(record, "event"), *key;
    enum count count;
    bool window;
    struct group *group;
    char buffer[16];

    if (!record || !event ||
        (report->arguments[SINCE].given && time < report->arguments[SINCE].number) ||
        (report->arguments[UNTIL].given && time >= report->arguments[UNTIL].number))
        return 0;
    count = count_of(report, record);
    window = strcmp(event, "started") == 0 || strcmp(event, "extended") == 0;
    if (count == N_COUNTS && !window)
        return 0;
    key = key_of(report, record, count, buffer);
    if (!key)
        return 0;
    group = find_group(report, key);
    if (!group) {
        report->output->error = ENOMEM;
        return EXIT_REFUSED;
    }
    if (count != N_COUNTS)
        add(report, group, count, record);
    if (window)
        add_window(group, record);
    return 0;
}

/* ---- shown ---- */

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct group *)a)->key, ((const struct group *)b)->key);
}

static void show_json(struct report *report, const struct group *group)
{
    CLEANUP_JSON json_t *line = json_object();

    if (!line || json_object_set_new(line, by_names[report->by], json_string(group->key)) < 0) {
        report->output->error = ENOMEM;
        return;
    }
    for (int i = 0; i < N_COUNTS; i++)
        (void)json_object_set_new(line, counts[i].key, json_integer((json_int_t)group->counts[i]));
    if (group->decided.count > 0) {
        (void)json_object_set_new(line, "decided_median",
                                  json_integer((json_int_t)times_median(&group->decided)));
        (void)json_object_set_new(line, "decided_longest",
                                  json_integer((json_int_t)group->decided.longest));
    }
    if (group->longest_window > 0)
        (void)json_object_set_new(line, "window_longest",
                                  json_integer((json_int_t)group->longest_window));
    output_json(report->output, stdout, line);
}

static void csv_number(struct report *report, uint64_t number, bool given)
{
    char text[24] = "";

    if (given)
        snprintf(text, sizeof(text), "%" PRIu64, number);
    record_csv_cell(report->output, stdout, text, false);
}

static void show_csv(struct report *report)
{
    static const char *const more[] = {"decided_median", "decided_longest", "window_longest"};

    record_csv_cell(report->output, stdout, by_names[report->by], true);
    for (int i = 0; i < N_COUNTS; i++)
        record_csv_cell(report->output, stdout, counts[i].key, false);
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        record_csv_cell(report->output, stdout, more[i], false);
    fputs("\r\n", stdout);
    for (size_t g = 0; g < report->n_groups; g++) {
        const struct group *group = &report->groups[g];

        record_csv_cell(report->output, stdout, group->key, true);
        for (int i = 0; i < N_COUNTS; i++)
            csv_number(report, group->counts[i], true);
        csv_number(report, times_median(&group->decided), group->decided.count > 0);
        csv_number(report, group->decided.longest, group->decided.count > 0);
        csv_number(report, group->longest_window, group->longest_window > 0);
        fputs("\r\n", stdout);
    }
}

static int cell_number(struct libscols_line *line, size_t column, uint64_t number)
{
    char text[24] = "";

    if (number > 0)
        snprintf(text, sizeof(text), "%" PRIu64, number);
    return scols_line_set_data(line, column, text);
}

static int cell_duration(struct libscols_line *line, size_t column, uint64_t seconds, bool given)
{
    char text[DURATION_TEXT_MAX] = "";

    if (given && seconds)
        duration_format(seconds, text);
    return scols_line_set_data(line, column, given && !seconds ? "0s" : text);
}

/* Only the columns that count something: there are many. */
static int fill_table(struct report *report, struct libscols_table *table)
{
    bool used[N_COUNTS] = {false};
    size_t column;

    if (!scols_table_new_column(table, "", 0, 0))
        return -1;
    for (int i = 0; i < N_COUNTS; i++) {
        for (size_t g = 0; g < report->n_groups; g++)
            used[i] = used[i] || report->groups[g].counts[i];
        if (used[i] && !scols_table_new_column(table, counts[i].heading, 0, SCOLS_FL_RIGHT))
            return -1;
    }
    if (!scols_table_new_column(table, "DECIDED IN", 0, SCOLS_FL_RIGHT) ||
        !scols_table_new_column(table, "AT MOST", 0, SCOLS_FL_RIGHT) ||
        !scols_table_new_column(table, "LONGEST WINDOW", 0, SCOLS_FL_RIGHT))
        return -1;
    for (size_t g = 0; g < report->n_groups; g++) {
        const struct group *group = &report->groups[g];
        struct libscols_line *line = scols_table_new_line(table, NULL);
        CLEANUP_FREE char *key = output_escape(report->output, stdout, group->key);

        if (!line || !key || scols_line_set_data(line, 0, key) != 0)
            return -1;
        column = 1;
        for (int i = 0; i < N_COUNTS; i++)
            if (used[i] && cell_number(line, column++, group->counts[i]) != 0)
                return -1;
        if (cell_duration(line, column, times_median(&group->decided), group->decided.count) != 0 ||
            cell_duration(line, column + 1, group->decided.longest, group->decided.count) != 0 ||
            cell_duration(line, column + 2, group->longest_window, group->longest_window) != 0)
            return -1;
    }
    return 0;
}

static void show(struct report *report)
{
    CLEANUP_TABLE struct libscols_table *table = NULL;

    if (report->n_groups > 0)
        qsort(report->groups, report->n_groups, sizeof(*report->groups), compare);
    if (report->arguments[CSV].given) {
        show_csv(report);
        return;
    }
    if (report->output->json) {
        for (size_t i = 0; i < report->n_groups; i++)
            show_json(report, &report->groups[i]);
        return;
    }
    if (report->n_groups == 0) {
        output_line(report->output, stderr, "There is nothing to report.");
        return;
    }
    table = scols_new_table();
    if (!table || fill_table(report, table) != 0 || scols_print_table(table) != 0)
        report->output->error = ENOMEM;
}

int command_report(struct cli *cli, int argc, char **argv)
{
    struct argument arguments[N_OPTIONS] = {
        [BY] = {"by", ARGUMENT_TEXT},
        [SINCE] = {"since", ARGUMENT_LAST},
        [UNTIL] = {"until", ARGUMENT_LAST},
        [CSV] = {"csv", ARGUMENT_FLAG},
    };
    CLEANUP_CLIENT struct client *client = NULL;
    CLEANUP_JSON json_t *places = json_object();
    struct report report = {.output = &cli->output, .arguments = arguments, .places = places};
    struct failure failure = {.exit = EXIT_DONE};
    uint64_t after = 0;
    int first, r = arguments_read(cli, argc, argv, arguments, N_OPTIONS, &first);

    if (r != 0)
        return r;
    if (first < argc)
        return arguments_wrong(cli, "report takes options only, not \"%.100s\"", argv[first]);
    if (arguments[CSV].given && cli->output.json)
        return arguments_wrong(cli, "--csv and --json exclude each other");
    while (arguments[BY].given && report.by < N_BY &&
           strcmp(by_names[report.by], arguments[BY].text) != 0)
        report.by++;
    if (report.by == N_BY)
        return arguments_wrong(cli,
                               "--by takes person, account, approver, state or month, not "
                               "\"%.100s\"",
                               arguments[BY].text);
    r = client_open(&client, &failure);
    if (r == 0)
        r = broker_audit(client, 0, &after, report_one, &report, &failure);
    if (r == 0)
        show(&report);
    for (size_t i = 0; i < report.n_groups; i++)
        free(report.groups[i].key);
    free(report.groups);
    return r != 0 && failure.exit == (enum exit_code)r ? output_failure(&cli->output, &failure, 0)
                                                       : r;
}
