/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/arguments.h"
#include "cli/broker.h"
#include "cli/date.h"
#include "cli/export.h"
#include "proof/journal.h"
#include "proof/read_store.h"

enum { LEDGER, JOURNAL, NO_JOURNAL, SINCE, N_OPTIONS };

/* More findings of a kind than this help nobody; they are counted. */
#define FINDINGS_SHOWN 50

/* How long the newest entries of the journal are waited for, and how old those are at most. */
#define JOURNAL_WAIT_MS 2000
#define JOURNAL_STEP_MS 50
#define JOURNAL_LATE_SECONDS 600

struct verify {
    struct cli *cli;
    struct client *client;
    struct export *export;
    struct store *store;
    struct proof *proof;
    struct failure *failure;
    enum trail_table table;
    char machine[LIMIT_WORD + 1];
    uint64_t anchored; /* the newest record that the journal has */
    uint64_t shown[PROOF_ODD + 1];
};

static const char *const kind_names[] = {
    [PROOF_WRONG] = "wrong", [PROOF_UNCHECKED] = "not checked", [PROOF_ODD] = "note"};

static void tell(const struct proof_finding *finding, void *userdata)
{
    static const enum output_colour kind_colours[] = {
        [PROOF_WRONG] = COLOUR_RED, [PROOF_UNCHECKED] = COLOUR_YELLOW, [PROOF_ODD] = COLOUR_NONE};
    struct verify *verify = userdata;
    struct output *output = &verify->cli->output;
    CLEANUP_JSON json_t *line = NULL;

    if (!output->json) {
        if (verify->shown[finding->kind]++ >= FINDINGS_SHOWN)
            return;
        output_part(output, stdout, kind_colours[finding->kind], "%s", kind_names[finding->kind]);
        output_line(output, stdout, ": %s", finding->text);
        return;
    }
    /* A damaged text need not be UTF-8. */
    line = json_pack("{s:s}", "finding", kind_names[finding->kind]);
    if (!line ||
        (finding->seq &&
         json_object_set_new(line, "seq", json_integer((json_int_t)finding->seq)) < 0) ||
        (finding->id && json_object_set_new(line, "id", json_integer((json_int_t)finding->id)) < 0))
        output->error = ENOMEM;
    json_t *message = json_string(finding->text);
    (void)json_object_set_new(line, "message", message ? message : json_string("?"));
    output_json(output, stdout, line);
}

/* ---- the journal ---- */

static int take_anchor(uint64_t seq, const unsigned char hash[HASH_SIZE], void *userdata)
{
    struct verify *verify = userdata;

    if (seq > verify->anchored)
        verify->anchored = seq;
    return proof_anchor(verify->proof, seq, hash);
}

/* What the broker has just sent may not be in journald's files yet: waits for it a little, up to
 * the last record that there is now. */
static int read_latest(struct verify *verify, uint64_t since, struct error *error)
{
    uint64_t next = 0, lately = (uint64_t)time(NULL) - JOURNAL_LATE_SECONDS;
    int r = broker_audit_since(verify->client, INT64_MAX, &next, verify->failure);

    if (r != 0)
        return 0; /* the reading of the records will say so */
    for (int tries = 0; r == 0 && verify->anchored && verify->anchored + 1 < next &&
                        tries < JOURNAL_WAIT_MS / JOURNAL_STEP_MS;
         tries++) {
        (void)poll(NULL, 0, JOURNAL_STEP_MS);
        r = journal_read(NULL, verify->machine, lately > since ? lately : since, take_anchor,
                         verify, error);
    }
    return r;
}

static int read_journal(struct verify *verify, const struct argument *arguments)
{
    const char *path = arguments[JOURNAL].text;
    struct proof_summary summary;
    struct error error;
    int r;

    if (arguments[NO_JOURNAL].given || (arguments[LEDGER].given && !path)) {
        proof_miss(verify->proof,
                   "the journal was not looked at%s: whether the end of the ledger is missing, or "
                   "all of it was replaced, only the journal can tell",
                   arguments[NO_JOURNAL].given ? "" : " (--journal FILE)");
        return 0;
    }
    r = journal_read(path, verify->machine, arguments[SINCE].number, take_anchor, verify, &error);
    if (r == 0 && !path && verify->client)
        r = read_latest(verify, arguments[SINCE].number, &error);
    if (r < 0)
        return failure_no_memory(verify->failure);
    proof_summarize(verify->proof, &summary);
    if (r != 0)
        proof_miss(verify->proof, "the journal could not be read: %s", error.text);
    else if (summary.anchors == 0)
        proof_miss(verify->proof,
                   "the journal shows no entry of the broker's: it is gone, or you may not read it "
                   "(group systemd-journal); whether the end of the ledger is missing, or all of "
                   "it was replaced, only the journal can tell");
    return 0;
}

/* ---- over the bus ---- */

/* From wherever the ledger is. */
static int policy_text(const char *digest, char **ret_text, void *userdata)
{
    struct verify *verify = userdata;
    struct failure failure;

    if (verify->export)
        return export_policy(digest, ret_text, verify->export);
    if (verify->store)
        return proof_store_policy(digest, ret_text, verify->store);
    return broker_policy(verify->client, digest, ret_text, &failure) == 0 ? 0 : -ENOENT;
}

static int take_record(json_t *row, void *userdata)
{
    struct verify *verify = userdata;
    struct trail_entry entry;

    trail_entry_of(row, false, &entry);
    return proof_record(verify->proof, &entry) < 0 ? failure_no_memory(verify->failure) : 0;
}

static int take_row(json_t *row, void *userdata)
{
    struct verify *verify = userdata;
    struct trail_entry entry;

    trail_entry_of(row, true, &entry);
    return proof_row(verify->proof, verify->table, &entry) < 0 ? failure_no_memory(verify->failure)
                                                               : 0;
}

static int take_machine(json_t *row, void *userdata)
{
    struct verify *verify = userdata;
    const char *machine = value_text(row, "machine_id");

    if (machine && strlen(machine) < sizeof(verify->machine))
        memcpy(verify->machine, machine, strlen(machine) + 1);
    return CLI_STOP; /* one is enough */
}

static int prove_bus(struct verify *verify)
{
    static const char *const tables[] = {[TRAIL_CHECKOUTS] = "checkout",
                                         [TRAIL_DECISIONS] = "decision",
                                         [TRAIL_SESSIONS] = "session"};
    uint64_t after = 0;
    int r = broker_audit(verify->client, 0, &after, take_record, verify, verify->failure);

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && r == 0; i++) {
        verify->table = (enum trail_table)i;
        r = broker_rows(verify->client, tables[i], take_row, verify, verify->failure);
    }
    /* What happened meanwhile may be in the rows already. */
    if (r == 0)
        r = broker_audit(verify->client, 0, &after, take_record, verify, verify->failure);
    if (r == 0 && proof_finish(verify->proof, true) < 0)
        r = failure_no_memory(verify->failure);
    return r;
}

/* ---- a file ---- */

static int prove_store(struct verify *verify)
{
    int r = proof_read_store(verify->proof, verify->store);

    if (r == -ENOMEM)
        return failure_no_memory(verify->failure);
    return r < 0 ? failure_set(verify->failure, EXIT_REFUSED, "Input",
                               "the ledger cannot be read on: %s", store_problem(verify->store))
                 : 0;
}

/* The machine of the first record that can be read. */
static int machine_of_store(struct verify *verify)
{
    CLEANUP(trail_clear) struct trail page = {0};
    CLEANUP_JSON json_t *record = NULL;
    const char *machine;

    if (store_trail(verify->store, 0, 0, 1, 1, &page) < 0)
        return failure_set(verify->failure, EXIT_REFUSED, "Input", "the ledger cannot be read: %s",
                           store_problem(verify->store));
    if (page.count > 0 && page.items[0].text)
        record = json_loads(page.items[0].text, 0, NULL);
    machine = value_text(record, "machine_id");
    if (machine && strlen(machine) < sizeof(verify->machine))
        memcpy(verify->machine, machine, strlen(machine) + 1);
    return 0;
}

static int open_file(struct verify *verify, const char *path)
{
    struct error error;
    int r;

    if (export_is(path)) {
        r = export_open(path, &verify->export, verify->failure);
        if (r == 0)
            (void)snprintf(verify->machine, sizeof(verify->machine), "%s",
                           export_machine(verify->export));
        return r;
    }
    if (store_open_reader(path, &verify->store, &error) != 0)
        return failure_set(verify->failure, EXIT_REFUSED, "Input", "%s", error.text);
    return machine_of_store(verify);
}

static int open_bus(struct verify *verify)
{
    uint64_t after = 0;
    int r = client_open(&verify->client, verify->failure);

    if (r == 0)
        r = broker_audit(verify->client, 0, &after, take_machine, verify, verify->failure);
    return r == CLI_STOP ? 0 : r;
}

/* ---- the end of it ---- */

static int conclude(struct verify *verify)
{
    struct output *output = &verify->cli->output;
    struct proof_summary summary;
    char first[DATE_TEXT_MAX], last[DATE_TEXT_MAX];
    int code;

    proof_summarize(verify->proof, &summary);
    code = summary.wrong ? EXIT_REFUSED : summary.unchecked ? EXIT_UNPROVEN : EXIT_DONE;
    if (output->json) {
        CLEANUP_JSON json_t *line = json_pack(
            "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I}", "result",
            code == EXIT_DONE      ? "sound"
            : code == EXIT_REFUSED ? "wrong"
                                   : "unproven",
            "records", (json_int_t)summary.records, "checkouts", (json_int_t)summary.checkouts,
            "approvals", (json_int_t)summary.approvals, "sessions", (json_int_t)summary.sessions,
            "anchors", (json_int_t)summary.anchors, "head", (json_int_t)summary.head_seq, "hash",
            summary.head_hash, "wrong", (json_int_t)summary.wrong, "unchecked",
            (json_int_t)summary.unchecked, "odd", (json_int_t)summary.odd);

        if (line)
            output_json(output, stdout, line);
        else
            output->error = ENOMEM;
        return code;
    }
    for (int kind = PROOF_WRONG; kind <= PROOF_ODD; kind++)
        if (verify->shown[kind] > FINDINGS_SHOWN)
            output_line(output, stdout, "%s: and %" PRIu64 " more (--json shows all)",
                        kind_names[kind], verify->shown[kind] - FINDINGS_SHOWN);
    if (summary.records > 0)
        output_line(output, stdout,
                    "%" PRIu64 " records from %s to %s: %" PRIu64 " check-outs, %" PRIu64
                    " approvals, %" PRIu64 " sessions; %" PRIu64 " of them in the journal",
                    summary.records, date_format(summary.first_time, first),
                    date_format(summary.last_time, last), summary.checkouts, summary.approvals,
                    summary.sessions, summary.anchors);
    output_line(output, stdout, "the last is record %" PRIu64 " with the hash %s", summary.head_seq,
                *summary.head_hash ? summary.head_hash : "(none)");
    output_line(output, stdout, "%s",
                code == EXIT_DONE      ? "the ledger holds together, and is the one that the "
                                         "journal was told of"
                : code == EXIT_REFUSED ? "the ledger does not hold together"
                                       : "nothing is wrong in what could be looked at; what could "
                                         "not is above");
    return code;
}

static int verify_all(struct verify *verify, const struct argument *arguments)
{
    struct proof_settings settings = {.tell = tell, .policy_text = policy_text, .userdata = verify};
    int r = arguments[LEDGER].given ? open_file(verify, arguments[LEDGER].text) : open_bus(verify);

    if (r != 0)
        return r;
    if (proof_new(&settings, &verify->proof) < 0)
        return failure_no_memory(verify->failure);
    r = read_journal(verify, arguments);
    if (r != 0)
        return r;
    return verify->export  ? export_prove(verify->export, verify->proof, verify->failure)
           : verify->store ? prove_store(verify)
                           : prove_bus(verify);
}

int command_verify(struct cli *cli, int argc, char **argv)
{
    struct argument arguments[N_OPTIONS] = {
        [LEDGER] = {"ledger", ARGUMENT_TEXT, LIMIT_CGROUP},
        [JOURNAL] = {"journal", ARGUMENT_TEXT, LIMIT_CGROUP},
        [NO_JOURNAL] = {"no-journal", ARGUMENT_FLAG},
        [SINCE] = {"since", ARGUMENT_LAST},
    };
    struct failure failure = {.exit = EXIT_DONE};
    struct verify verify = {.cli = cli, .failure = &failure};
    int first, r = arguments_read(cli, argc, argv, arguments, N_OPTIONS, &first);

    if (r != 0)
        return r;
    if (first < argc)
        return arguments_wrong(cli, "verify takes options only, not \"%.100s\"", argv[first]);
    if (arguments[JOURNAL].given && arguments[NO_JOURNAL].given)
        return arguments_wrong(cli, "--journal and --no-journal exclude each other");
    r = verify_all(&verify, arguments);
    r = r == 0 ? conclude(&verify) : output_failure(&cli->output, &failure, 0);
    proof_free(verify.proof);
    export_close(verify.export);
    store_free(verify.store);
    client_close(verify.client);
    return r;
}
