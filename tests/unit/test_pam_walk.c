/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Our reading of PAM stacks against libpam's own: random stacks, every combination of results. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/pam_walk.h"

#define SLOTS 8 /* of other modules; the gates have the last two */
#define GATE_SLOT 6

/* For the module to find. */
__attribute__((visibility("default"))) int scripted_codes[SLOTS], scripted_calls[SLOTS];

/* Those that some control treats in a way of its own. */
static const int results[] = {PAM_SUCCESS, PAM_IGNORE, PAM_PERM_DENIED, PAM_NEW_AUTHTOK_REQD};
#define N_RESULTS (sizeof(results) / sizeof(*results))
static const int gate_results[] = {PAM_SUCCESS, PAM_IGNORE, PAM_PERM_DENIED};
#define N_GATE_RESULTS (sizeof(gate_results) / sizeof(*gate_results))

struct stage {
    char root[64];
    struct tree *tree;
    uint64_t seed;
    int slots, gates, includes;
};

static unsigned draw(struct stage *stage, unsigned below)
{
    stage->seed = stage->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(stage->seed >> 33) % below;
}

static void write_file(struct stage *stage, const char *name, const char *text)
{
    char path[160];
    FILE *file;

    snprintf(path, sizeof(path), "%s/etc/pam.d/%s", stage->root, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *ftw)
{
    return remove(path);
}

static int setup(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    char path[128];

    assert_non_null(stage);
    strcpy(stage->root, "/tmp/pam-walk.XXXXXX");
    assert_non_null(mkdtemp(stage->root));
    snprintf(path, sizeof(path), "%s/etc", stage->root);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "%s/etc/pam.d", stage->root);
    assert_int_equal(mkdir(path, 0755), 0);
    /* Includes by absolute path are the same file for libpam and, below the tree's root, for us. */
    assert_int_equal(tree_open("/", &stage->tree), 0);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;

    nftw(stage->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    tree_close(stage->tree);
    free(stage);
    return 0;
}

static void draw_control(struct stage *stage, char *text, size_t size)
{
    static const char *const words[] = {"required", "requisite", "sufficient", "optional",
                                        "Required"};
    static const char *const actions[] = {"ignore", "ok", "done", "bad", "die",
                                          "reset",  "1",  "2",    "3"};
    static const char *const codes[] = {"success", "ignore", "perm_denied", "new_authtok_reqd"};

    if (draw(stage, 2) == 0) {
        snprintf(text, size, "%s", words[draw(stage, 5)]);
        return;
    }
    snprintf(text, size, "[");
    for (unsigned i = 0; i < 4; i++)
        if (draw(stage, 3) != 0)
            snprintf(text + strlen(text), size - strlen(text), "%s=%s ", codes[i],
                     actions[draw(stage, 9)]);
    if (draw(stage, 3) != 0)
        snprintf(text + strlen(text), size - strlen(text), "default=%s", actions[draw(stage, 9)]);
    snprintf(text + strlen(text), size - strlen(text), "]");
}

static void draw_file(struct stage *stage, const char *name, int depth);

static void draw_line(struct stage *stage, char *text, size_t size, int depth)
{
    static const char *const traps[] = {
        "account\n",
        "acount required pam_permit.so\n",
        "account required\n",
        "account [success=perhaps] " SCRIPTED_MODULE " 0\n",
        "account required /no/such/module.so\n",
        "-account optional /no/such/module.so\n",
        "account include /no/such/file\n",
        "@include /no/such/file\n",
        "session required " SCRIPTED_MODULE " 0\n",
    };
    char control[128], name[32];
    unsigned kind = draw(stage, 20);

    text[0] = '\0';
    if (kind < 5 && depth < 3 && stage->includes < 4) {
        snprintf(name, sizeof(name), "part%d", ++stage->includes);
        snprintf(text, size,
                 draw(stage, 3) == 0 ? "@include %s/etc/pam.d/%s\n"
                 : draw(stage, 2)    ? "account substack %s/etc/pam.d/%s\n"
                                     : "account include %s/etc/pam.d/%s\n",
                 stage->root, name);
        draw_file(stage, name, depth + 1);
        return;
    }
    if (kind == 5) {
        snprintf(text, size, "%s", traps[draw(stage, sizeof(traps) / sizeof(*traps))]);
        return;
    }
    draw_control(stage, control, sizeof(control));
    if (kind < 9 && stage->gates < 2)
        snprintf(text, size, "account %s " SCRIPTED_MODULE " %d gate\n", control,
                 GATE_SLOT + stage->gates++);
    else if (kind == 9)
        snprintf(text, size, "account %s pam_permit.so # the rest\n", control);
    else if (kind == 10)
        snprintf(text, size, "account \\\n  %s \\\n pam_deny.so\n", control);
    else if (stage->slots < 4)
        snprintf(text, size, "ACCOUNT %s " SCRIPTED_MODULE " %d\n", control, stage->slots++);
}

static void draw_file(struct stage *stage, const char *name, int depth)
{
    char text[4096] = "#%PAM-1.0\n\n", line[512];
    unsigned lines = 1 + draw(stage, depth == 0 ? 6 : 3);

    for (unsigned i = 0; i < lines; i++) {
        draw_line(stage, line, sizeof(line), depth);
        strncat(text, line, sizeof(text) - strlen(text) - 1);
    }
    write_file(stage, name, text);
}

static bool has_argument(const struct pam_handler *handler, const char *argument)
{
    for (size_t i = 0; i < handler->n_arguments; i++)
        if (strcmp(handler->arguments[i], argument) == 0)
            return true;
    return false;
}

static bool is_gate(const struct pam_handler *handler, void *userdata)
{
    return pam_handler_is(handler, "pam_scripted.so") && has_argument(handler, "gate");
}

static uint32_t codes_of(const struct pam_handler *handler, void *userdata)
{
    uint32_t codes = 0;

    if (is_gate(handler, NULL))
        return PAM_WALK_BIT(PAM_PERM_DENIED);
    if (pam_handler_is(handler, "pam_permit.so"))
        return PAM_WALK_BIT(PAM_SUCCESS);
    if (pam_handler_is(handler, "pam_deny.so"))
        return PAM_WALK_BIT(PAM_AUTH_ERR);
    if (pam_handler_is(handler, "module.so"))
        return PAM_WALK_BIT(PAM_MODULE_UNKNOWN);
    for (size_t i = 0; i < N_RESULTS; i++)
        codes |= PAM_WALK_BIT(results[i]);
    return codes;
}

static int converse(int n, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    return PAM_CONV_ERR;
}

/* What libpam comes to, over all combinations of results: without the consent of a gate. */
static uint32_t really(struct stage *stage)
{
    const struct pam_conv conv = {converse, NULL};
    size_t combinations = 1;
    uint32_t reached = 0;
    pam_handle_t *pamh = NULL;
    char folder[128];

    snprintf(folder, sizeof(folder), "%s/etc/pam.d", stage->root);
    for (int i = 0; i < stage->slots; i++)
        combinations *= N_RESULTS;
    for (int i = 0; i < stage->gates; i++)
        combinations *= N_GATE_RESULTS;
    if (pam_start_confdir("service", "root", &conv, folder, &pamh) != PAM_SUCCESS)
        return 0;
    for (size_t i = 0; i < combinations; i++) {
        size_t rest = i;
        bool agreed = false;
        int code;

        for (int slot = 0; slot < stage->slots; slot++, rest /= N_RESULTS)
            scripted_codes[slot] = results[rest % N_RESULTS];
        for (int gate = 0; gate < stage->gates; gate++, rest /= N_GATE_RESULTS)
            scripted_codes[GATE_SLOT + gate] = gate_results[rest % N_GATE_RESULTS];
        memset(scripted_calls, 0, sizeof(scripted_calls));
        code = pam_acct_mgmt(pamh, PAM_SILENT);
        for (int gate = GATE_SLOT; gate < GATE_SLOT + stage->gates; gate++)
            agreed =
                agreed || (scripted_calls[gate] > 0 && scripted_codes[gate] != PAM_PERM_DENIED);
        if (!agreed)
            reached |= PAM_WALK_BIT(code);
    }
    pam_end(pamh, PAM_SUCCESS);
    return reached;
}

/* Plays the witness to libpam: it must come to one of the wanted results. */
static void prove_witness(struct stage *stage, const struct pam_walk *walk)
{
    const struct pam_conv conv = {converse, NULL};
    pam_handle_t *pamh = NULL;
    char folder[128];

    snprintf(folder, sizeof(folder), "%s/etc/pam.d", stage->root);
    for (size_t i = 0; i < walk->handlers->count; i++) {
        const struct pam_handler *handler = &walk->handlers->items[i];

        if (pam_handler_is(handler, "pam_scripted.so"))
            scripted_codes[strtol(handler->arguments[0], NULL, 10)] =
                walk->witness[i] == PAM_WALK_NOT_RUN ? PAM_SUCCESS : walk->witness[i];
    }
    memset(scripted_calls, 0, sizeof(scripted_calls));
    assert_int_equal(pam_start_confdir("service", "root", &conv, folder, &pamh), PAM_SUCCESS);
    assert_true(walk->reached & PAM_WALK_BIT(pam_acct_mgmt(pamh, PAM_SILENT)));
    pam_end(pamh, PAM_SUCCESS);
    for (size_t i = 0; i < walk->handlers->count; i++) {
        const struct pam_handler *handler = &walk->handlers->items[i];

        /* A slot that stands in several places is not told apart. */
        if (is_gate(handler, NULL))
            assert_int_equal(scripted_calls[strtol(handler->arguments[0], NULL, 10)],
                             walk->witness[i] != PAM_WALK_NOT_RUN);
    }
}

static struct pam_stack *load(struct stage *stage)
{
    char service[128];
    struct pam_stack *stack = NULL;

    snprintf(service, sizeof(service), "%s/etc/pam.d/service", stage->root);
    assert_int_equal(pam_stack_load(stage->tree, service, &stack, NULL), 0);
    return stack;
}

static bool is_uncertain(const struct pam_stack *stack)
{
    for (size_t i = 0; i < stack->own[PAM_PHASE_ACCOUNT].count; i++)
        if (stack->own[PAM_PHASE_ACCOUNT].items[i].uncertain)
            return true;
    return false;
}

static void test_random_stacks(void **state)
{
    struct stage *stage = *state;
    const char *number = getenv("PAM_WALK_STACKS"), *seed = getenv("PAM_WALK_SEED");
    long stacks = number ? strtol(number, NULL, 10) : 250;
    unsigned holes = 0, tight = 0, broken = 0;
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;

    for (long i = 0; i < stacks; i++) {
        CLEANUP_PAM_STACK struct pam_stack *stack = NULL;
        struct pam_walk walk = {.codes = codes_of, .is_gate = is_gate, .wanted = PAM_WALK_ANY};
        uint32_t expected;

        stage->seed = (first + (uint64_t)i) * UINT64_C(0x9e3779b97f4a7c15);
        stage->slots = 1; /* of the traps */
        stage->gates = stage->includes = 0;
        draw_file(stage, "service", 0);
        stack = load(stage);
        expected = really(stage);
        if (stack->broken) {
            assert_int_equal(expected, 0);
            broken++;
            continue;
        }
        /* libpam itself does not know what it does there. */
        if (is_uncertain(stack))
            continue;
        /* `other` is this machine's, which libpam was not shown. */
        walk.handlers = &stack->own[PAM_PHASE_ACCOUNT];
        assert_int_equal(pam_walk_run(&walk), 0);
        if (walk.reached != expected)
            fail_msg("seed %llu: %#x, and libpam %#x", (unsigned long long)(first + (uint64_t)i),
                     walk.reached, expected);
        pam_walk_clear(&walk);

        walk.wanted = PAM_WALK_BIT(PAM_SUCCESS);
        assert_int_equal(pam_walk_run(&walk), 0);
        assert_int_equal(walk.reached, expected & PAM_WALK_BIT(PAM_SUCCESS));
        if (walk.reached)
            prove_witness(stage, &walk);
        walk.reached ? holes++ : tight++;
        pam_walk_clear(&walk);
    }
    print_message("# %u stacks with a way round, %u without, %u that libpam refuses\n", holes,
                  tight, broken);
    assert_true(holes > (unsigned)stacks / 10 && tight > (unsigned)stacks / 10);
}

/* One file, and the line by which the gate is passed (0: none; -1: there is no gate). */
static void check(struct stage *stage, const char *text, uint32_t wanted, int line)
{
    CLEANUP_PAM_STACK struct pam_stack *stack = NULL;
    struct pam_walk walk = {.codes = codes_of, .is_gate = is_gate, .wanted = wanted};
    const struct pam_handler *culprit;

    write_file(stage, "service", text);
    stack = load(stage);
    walk.handlers = &stack->own[PAM_PHASE_ACCOUNT];
    assert_int_equal(pam_walk_run(&walk), 0);
    assert_int_equal(walk.reached != 0, line != 0);
    culprit = pam_walk_culprit(&walk);
    if (line > 0) {
        assert_non_null(culprit);
        assert_int_equal(culprit->line, line);
    } else {
        assert_null(culprit);
    }
    pam_walk_clear(&walk);
}

#define OTHER SCRIPTED_MODULE " 0\n"
#define GATE SCRIPTED_MODULE " 6 gate\n"

static void test_culprits(void **state)
{
    struct stage *stage = *state;
    uint32_t in = PAM_WALK_BIT(PAM_SUCCESS);

    check(stage, "account required " OTHER, in, -1);
    check(stage, "account required " OTHER "account required " GATE, in, 0);
    check(stage, "account required " OTHER "account optional " GATE, in, 2);
    check(stage, "account required " OTHER "account sufficient " GATE, in, 2);
    check(stage, "account sufficient " OTHER "account required " GATE, in, 1);
    check(stage,
          "account required " OTHER "account [success=1 default=ignore] " OTHER
          "account required " GATE "account required pam_permit.so\n",
          in, 2);
    check(stage,
          "account required " GATE "account [default=reset] " OTHER
          "account required pam_permit.so\n",
          in, 1);
    /* Debian's common-account before the gate: an expired password ends the stack. */
    check(stage,
          "account [success=1 new_authtok_reqd=done default=ignore] " OTHER
          "account requisite pam_deny.so\naccount required pam_permit.so\n"
          "account required " GATE,
          in, 0);
    check(stage,
          "account [success=1 new_authtok_reqd=done default=ignore] " OTHER
          "account requisite pam_deny.so\naccount required pam_permit.so\n"
          "account required " GATE,
          in | PAM_WALK_BIT(PAM_NEW_AUTHTOK_REQD), 1);
    check(stage,
          "account required " GATE "account [success=1 new_authtok_reqd=done default=ignore] " OTHER
          "account requisite pam_deny.so\naccount required pam_permit.so\n",
          in | PAM_WALK_BIT(PAM_NEW_AUTHTOK_REQD), 0);
}

/* A stack is remembered by its lines, so that a finding can be mended. */
static void test_places(void **state)
{
    struct stage *stage = *state;
    CLEANUP_PAM_STACK struct pam_stack *stack = NULL;
    const struct pam_handlers *handlers;

    write_file(stage, "service",
               "# a remark\naccount [success=ok \\\n default=bad] pam_a.so [a b] c"
               "\n@include common\nsession optional pam_s.so\n");
    stack = load(stage);
    assert_true(stack->broken);
    stack = pam_stack_free(stack);
    write_file(stage, "service",
               "# a remark\naccount [success=ok \\\n default=bad] pam_a.so [a b] c"
               "\naccount include /none\nsession optional /lib/x/pam_s.so\n");
    stack = load(stage);
    assert_true(stack->found);
    assert_false(stack->broken);
    assert_int_equal(stack->n_remarks, 1);
    assert_int_equal(stack->remarks[0].line, 4);
    handlers = &stack->own[PAM_PHASE_ACCOUNT];
    assert_int_equal(handlers->count, 2);
    assert_int_equal(handlers->items[0].line, 2);
    assert_string_equal(handlers->items[0].control, "success=ok  default=bad");
    assert_int_equal(handlers->items[0].n_arguments, 2);
    assert_string_equal(handlers->items[0].arguments[0], "a b");
    assert_int_equal(handlers->items[1].kind, PAM_MUST_FAIL);
    handlers = pam_stack_phase(stack, PAM_PHASE_SESSION);
    assert_int_equal(handlers->count, 1);
    assert_true(pam_handler_is(&handlers->items[0], "pam_s.so"));
    assert_false(pam_handler_is(&handlers->items[0], "pam_a.so"));
}

static void test_endless_includes(void **state)
{
    struct stage *stage = *state;
    CLEANUP_PAM_STACK struct pam_stack *stack = NULL;
    char text[256];

    snprintf(text, sizeof(text),
             "account required pam_permit.so\naccount include %s/etc/pam.d/service\n", stage->root);
    write_file(stage, "service", text);
    stack = load(stage);
    assert_true(stack->n_remarks >= 1);
    assert_true(stack->own[PAM_PHASE_ACCOUNT].count >= 16);
}

/* libpam forgets what it had read of a stack that it then refuses (pam_handlers.c). */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
    return "leak:libpam.so";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_stacks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_culprits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless_includes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
