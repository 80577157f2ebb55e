/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* pam-checkout-broker: puts the parts together and runs them. */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "accounts.h"
#include "bus/gate_server.h"
#include "bus/moment.h"
#include "bus/people_server.h"
#include "policy/config.h"
#include "ledger/ledger.h"
#include "names/local.h"
#include "names/names.h"
#include "reload.h"
#include "replay.h"
#include "session/handover.h"
#include "session/keeper.h"
#include "sink/journal.h"
#include "sink/signals.h"
#include "sink/terminals.h"
#include "sink/waiters.h"
#include "ticker.h"

#define LEDGER_FILE "/var/lib/pam-checkout/ledger.db"
#define SELF "/proc/self/exe"

/* Logins that waited over a restart are back by then: the module tries five times a second. */
#define UNATTENDED_AFTER_USEC (15 * 1000000ULL)

struct settings {
    const char *gate;
    const char *bus;
    const char *broker_file;
    const char *policy_directory;
    const char *ledger;
};

struct broker {
    const struct settings *settings;
    sd_event *event;
    struct broker_config config;
    struct store *store;
    struct ledger *ledger;
    struct names *names;
    struct waiters *waiters;
    struct fdstore *kept;
    struct keeper *keeper;
    struct journal *journal;
    struct replay *replay;
    struct terminals *terminals; /* NULL: approvers are not told */
    struct reload *reload;
    uint64_t reloads_begun, reloads_done;
    bool reload_again; /* something may have been written that the one under way has not seen */
    struct bus bus;
    struct people_server *people;
    struct gate_server *gate;
    struct accounts *accounts;
    sd_event_source *unattended; /* once after the start */
    sd_event_source *post, *signals[3];
    struct ticker *ticker;
};

__attribute__((format(printf, 2, 3))) static void complain(int priority, const char *format, ...)
{
    va_list arguments;

    /* sd-daemon(3): journald reads the priority from the line's beginning. */
    fprintf(stderr, "<%d>", priority);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* ---- events ---- */

static void on_event(const struct event *event, void *userdata)
{
    struct broker *broker = userdata;

    journal_sink(event, broker->journal);
    if (broker->people)
        signals_sink(event, people_server_connection(broker->people));
    waiters_sink(event, broker->waiters);
    if (broker->keeper)
        keeper_sink(event, broker->keeper);
    if (broker->terminals)
        terminals_sink(event, broker->terminals);
    if (broker->ticker)
        ticker_note(broker->ticker);
}

static bool waits_for(uint64_t id, const struct identity *person, void *userdata)
{
    struct broker *broker = userdata;

    return ledger_waits_for(broker->ledger, id, person);
}

static int find_local_user(const char *name, uid_t uid, struct identity *ret_user)
{
    return local_user(LOCAL_NSSWITCH, LOCAL_PASSWD, name, uid, ret_user);
}

/* ---- when the loop has done its work ---- */

static int on_post(sd_event_source *source, void *userdata)
{
    struct broker *broker = userdata;

    int r = replay_poll(broker->replay);

    return r < 0 ? r : ticker_poll(broker->ticker);
}

/* ---- policies, and what waits for the first ones ---- */

static void on_bus_lost(void *userdata)
{
    struct broker *broker = userdata;

    complain(3, "the system bus has gone; everything is in the ledger, starting again");
    sd_event_exit(broker->event, EXIT_FAILURE);
}

static bool is_attended(uint64_t id, void *userdata)
{
    struct broker *broker = userdata;

    return gate_server_waits_for(broker->gate, id);
}

/* Logins that died while no broker saw it. */
static int on_unattended(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct broker *broker = userdata;
    struct moment now = moment_now();
    struct error error;

    if (ledger_abandon_unattended(broker->ledger, is_attended, broker, &now, &error) != 0)
        complain(3, "%s", error.text);
    return 0;
}

/* What the record of the start says: which broker, with which settings. */
static void describe_start(const struct broker *broker, char ret_text[static LIMIT_SENTENCE])
{
    const struct broker_config *config = &broker->config;

    (void)snprintf(ret_text, LIMIT_SENTENCE,
                   "version " VERSION ", broker.conf %s%s, administrators %s, auditors %s",
                   *config->digest ? "SHA-256 " : "missing", config->digest,
                   config->administrators ? config->administrators : "none",
                   config->auditors ? config->auditors : "none");
}

/* Only once the rules have been read: before that there is no broker on the bus either. */
static int open_doors(struct broker *broker)
{
    struct moment now = moment_now();
    char start[LIMIT_SENTENCE];
    struct error error;

    if (people_server_open(broker->people, &error) != 0 ||
        gate_server_new(&broker->bus, broker->settings->gate, &broker->gate, &error) != 0) {
        complain(3, "%s", error.text);
        return -EIO;
    }
    /* With a full disk or a row that cannot be read the doors still say so, and what needs no
     * record still works; a broker that did not start would let nobody revoke anything. */
    describe_start(broker, start);
    if (ledger_note(broker->ledger, EVENT_BROKER_STARTED, start, &now, &error) != 0)
        complain(3, "%s", error.text);
    keeper_start(broker->keeper);
    if (ledger_tick(broker->ledger, &now, &error) != 0)
        complain(3, "%s", error.text);
    if (sd_event_add_time_relative(broker->event, &broker->unattended, CLOCK_BOOTTIME,
                                   UNATTENDED_AFTER_USEC, 0, on_unattended, broker) < 0)
        return -ENOMEM;
    (void)sd_notify(0, "READY=1\nSTATUS=Both doors are open");
    return 0;
}

static int start_reload(struct broker *broker);

static void on_reloaded(const char *problem, void *userdata)
{
    struct broker *broker = userdata;

    if (problem)
        complain(3, "%s; %s", problem,
                 ledger_policies(broker->ledger) ? "the policies from before stay in force"
                                                 : "every login is refused until this is mended");
    broker->reload = reload_free(broker->reload);
    people_answer_reload(&broker->bus, ++broker->reloads_done, problem);
    if (!broker->gate && open_doors(broker) < 0)
        sd_event_exit(broker->event, EXIT_FAILURE);
    else if (broker->reload_again && start_reload(broker) < 0)
        sd_event_exit(broker->event, EXIT_FAILURE);
}

static int start_reload(struct broker *broker)
{
    broker->reload_again = broker->reload != NULL;
    if (broker->reload)
        return 0;
    broker->reloads_begun++;
    return reload_start(broker->ledger, broker->names, broker->event,
                        broker->settings->policy_directory, on_reloaded, broker, &broker->reload);
}

static uint64_t on_reload_asked(void *userdata)
{
    struct broker *broker = userdata;

    if (start_reload(broker) < 0)
        return 0;
    return broker->reloads_begun + (broker->reload_again ? 1 : 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    struct broker *broker = userdata;
    int r = 0;

    if (info->ssi_signo == SIGHUP)
        r = start_reload(broker);
    else
        r = sd_event_exit(broker->event, EXIT_SUCCESS);
    return r;
}

/* ---- start and stop ---- */

static int start_ledger(struct broker *broker)
{
    char host[LIMIT_HOST + 1] = "", machine[SD_ID128_STRING_MAX];
    struct ledger_settings settings;
    sd_id128_t id;
    struct error error;
    int r;

    if (config_load_broker(broker->settings->broker_file, &broker->config, &error) != 0 ||
        store_open(broker->settings->ledger, &broker->store, &error) != 0) {
        complain(3, "%s", error.text);
        return -EIO;
    }
    r = sd_id128_get_machine(&id);
    if (r < 0) {
        complain(3, "/etc/machine-id is missing or holds no machine id (%s): see machine-id(5)",
                 strerror(-r));
        return -EIO;
    }
    if (gethostname(host, sizeof(host) - 1) < 0)
        return -errno;
    settings = (struct ledger_settings){.store = broker->store,
                                        .host = host,
                                        .machine_id = sd_id128_to_string(id, machine),
                                        .administrators = broker->config.administrators,
                                        .auditors = broker->config.auditors,
                                        .sink = on_event,
                                        .userdata = broker};
    return ledger_new(&settings, &broker->ledger);
}

/* sd-event silently switches a source off whose handler failed; a broker without its signals is one
 * that has to start again. */
static int exit_on_failure(sd_event_source *source)
{
    return sd_event_source_set_exit_on_failure(source, true);
}

static int add_sources(struct broker *broker)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int r = sd_event_add_post(broker->event, &broker->post, on_post, broker);

    if (r >= 0)
        r = exit_on_failure(broker->post);
    for (size_t i = 0; i < 3 && r >= 0; i++) {
        r = sd_event_add_signal(broker->event, &broker->signals[i], numbers[i], on_signal, broker);
        if (r >= 0)
            r = exit_on_failure(broker->signals[i]);
    }
    return r;
}

static void complain_of(const char *problem)
{
    complain(3, "%s", problem);
}

static int start_keeper(struct broker *broker)
{
    struct keeper_settings settings = {.event = broker->event,
                                       .ledger = broker->ledger,
                                       .bus = people_server_connection(broker->people),
                                       .kept = broker->kept,
                                       .cgroups = CGROUP_ROOT,
                                       .devices = "/dev",
                                       .now = moment_now,
                                       .complain = complain_of};

    int r = keeper_new(&settings, &broker->keeper);

    ticker_set_keeper(broker->ticker, broker->keeper);
    return r;
}

static int start(struct broker *broker)
{
    struct error error;
    int r = fdstore_open(&broker->kept);

    if (r >= 0)
        r = sd_event_new(&broker->event);

    if (r >= 0)
        r = sd_event_set_watchdog(broker->event, true);
    if (r >= 0)
        r = journal_new(NULL, &broker->journal);
    if (r >= 0)
        r = waiters_new(broker->event, &broker->waiters);
    if (r >= 0)
        r = names_new(broker->event, SELF, &broker->names);
    if (r >= 0)
        r = start_ledger(broker);
    if (r >= 0)
        r = replay_new(broker->event, broker->ledger, broker->journal, &broker->replay);
    if (r >= 0 && broker->config.tell_terminals)
        r = terminals_new(broker->event, broker->names, NULL, waits_for, broker,
                          &broker->terminals);
    if (r >= 0)
        r = accounts_new(broker->event, broker->ledger, broker->names, &broker->accounts);
    if (r >= 0)
        r = ticker_new(broker->event, broker->ledger, broker->terminals, complain_of,
                       &broker->ticker);
    if (r >= 0)
        r = add_sources(broker);
    if (r < 0)
        return r;

    broker->bus = (struct bus){.event = broker->event,
                               .ledger = broker->ledger,
                               .names = broker->names,
                               .local_user = find_local_user,
                               .waiters = broker->waiters,
                               .reload = on_reload_asked,
                               .userdata = broker};
    LIST_INIT(&broker->bus.calls);
    if (people_server_new(&broker->bus, broker->settings->bus, on_bus_lost, broker, &broker->people,
                          &error) != 0) {
        complain(3, "%s", error.text);
        return -EIO;
    }
    r = start_keeper(broker);
    if (r < 0)
        return r;
    broker->bus.keeper = broker->keeper;
    return start_reload(broker);
}

static void stop(struct broker *broker)
{
    struct moment now = moment_now();
    struct error error;

    (void)sd_notify(0, "STOPPING=1");
    if (broker->gate && ledger_note(broker->ledger, EVENT_BROKER_STOPPED, NULL, &now, &error) != 0)
        complain(3, "%s", error.text);
    if (broker->replay)
        replay_finish(broker->replay);
    replay_free(broker->replay);
    reload_free(broker->reload);
    accounts_free(broker->accounts);
    sd_event_source_disable_unref(broker->unattended);
    broker->ticker = ticker_free(broker->ticker);
    gate_server_free(broker->gate);
    keeper_free(broker->keeper);
    people_server_free(broker->people);
    for (size_t i = 0; i < 3; i++)
        sd_event_source_disable_unref(broker->signals[i]);
    sd_event_source_disable_unref(broker->post);
    waiters_free(broker->waiters);
    terminals_free(broker->terminals);
    names_free(broker->names);
    fdstore_free(broker->kept);
    ledger_free(broker->ledger);
    store_free(broker->store);
    journal_free(broker->journal);
    broker_config_clear(&broker->config);
    sd_event_unref(broker->event);
}

/* A file descriptor for each login that waits. The soft limit is low for the sake of select(2),
 * which is used nowhere here. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(const struct settings *settings)
{
    struct broker broker = {.settings = settings};
    sigset_t blocked;
    int r;

    /* sd_event_add_signal(3) wants them blocked. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &blocked, NULL) < 0)
        return EXIT_FAILURE;
    raise_file_limit();
    r = start(&broker);
    if (r >= 0)
        r = sd_event_loop(broker.event);
    else if (r != -EIO) /* which has complained already */
        complain(3, "cannot start: %s", strerror(-r));
    stop(&broker);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void print_help(FILE *out)
{
    fputs("pam-checkout-broker [OPTION…]\n"
          "Decides who may enter privileged accounts, and keeps the ledger.\n\n"
          "  --gate=ADDRESS   where doors connect: \"systemd:\" (default) or \"unix:path=…\"\n"
          "  --help\n  --version\n\n"
          "Started by systemd: see pam-checkout-broker(8).\n",
          out);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"gate", required_argument, NULL, 'g'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    struct settings settings = {.gate = "systemd:",
                                .bus = PEOPLE_BUS_ADDRESS,
                                .broker_file = CONFIG_BROKER_FILE,
                                .policy_directory = CONFIG_POLICY_DIR,
                                .ledger = LEDGER_FILE};
    int option;

    umask(0077);
    if (argc == 2 && strcmp(argv[1], NAMES_WORKER_ARGUMENT) == 0)
        return names_worker_main();
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 'g':
            settings.gate = optarg;
            break;
        case 'h':
            print_help(stdout);
            return EXIT_SUCCESS;
        case 'v':
            puts("pam-checkout-broker " VERSION);
            return EXIT_SUCCESS;
        default:
            print_help(stderr);
            return 2;
        }
    if (optind != argc) {
        print_help(stderr);
        return 2;
    }
    return run(&settings);
}
