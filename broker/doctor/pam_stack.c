/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/pam_stack.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* PAM_SUBSTACK_MAX_LEVEL; since 1.5.3 for includes, too. */
#define DEPTH_MAX 16
#define LINES_MAX 2000

#define ANY_PHASE PAM_PHASES

static const char *const phase_names[PAM_PHASES] = {"auth", "account", "session", "password"};
static const char *const folders[] = {"/etc/pam.d", "/usr/lib/pam.d"};

struct reading {
    const struct tree *tree;
    struct pam_stack *stack;
    size_t lines;
    char *unreadable;
};

/* A file that is being read. */
struct source {
    const char *file;    /* its path */
    const char *service; /* NULL: the first word of each line says which (pam.conf) */
    enum pam_phase only; /* ANY_PHASE: all of them */
    bool other;          /* for the service `other` */
    int depth, level;
};

static int read_service(struct reading *reading, const char *name, const struct source *source);

const char *pam_phase_name(enum pam_phase phase)
{
    return phase < PAM_PHASES ? phase_names[phase] : "?";
}

static void handler_clear(struct pam_handler *handler)
{
    for (size_t i = 0; i < handler->n_arguments; i++)
        free(handler->arguments[i]);
    free(handler->arguments);
    free(handler->control);
    free(handler->module);
    free(handler->file);
}

static void handlers_clear(struct pam_handlers *handlers)
{
    for (size_t i = 0; i < handlers->count; i++)
        handler_clear(&handlers->items[i]);
    free(handlers->items);
}

struct pam_stack *pam_stack_free(struct pam_stack *stack)
{
    if (!stack)
        return NULL;
    for (int i = 0; i < PAM_PHASES; i++) {
        handlers_clear(&stack->own[i]);
        handlers_clear(&stack->other[i]);
    }
    for (size_t i = 0; i < stack->n_remarks; i++)
        free(stack->remarks[i].file);
    free(stack->remarks);
    free(stack->service);
    free(stack);
    return NULL;
}

const struct pam_handlers *pam_stack_phase(const struct pam_stack *stack, enum pam_phase phase)
{
    return stack->own[phase].count > 0 ? &stack->own[phase] : &stack->other[phase];
}

bool pam_handler_is(const struct pam_handler *handler, const char *module)
{
    const char *name = handler->module ? strrchr(handler->module, '/') : NULL;

    if (handler->kind != PAM_MODULE || !handler->module)
        return false;
    return strcmp(name ? name + 1 : handler->module, module) == 0;
}

static int remark(struct reading *reading, bool is_error, const struct source *source,
                  unsigned line, const char *format, ...) __attribute__((format(printf, 5, 6)));

static int remark(struct reading *reading, bool is_error, const struct source *source,
                  unsigned line, const char *format, ...)
{
    struct pam_stack *stack = reading->stack;
    struct pam_remark *grown =
        reallocarray(stack->remarks, stack->n_remarks + 1, sizeof(*stack->remarks));
    struct pam_remark *added;
    va_list arguments;

    if (!grown)
        return -ENOMEM;
    stack->remarks = grown;
    added = &grown[stack->n_remarks];
    *added = (struct pam_remark){.is_error = is_error, .line = line};
    added->file = strdup(source->file);
    if (!added->file)
        return -ENOMEM;
    va_start(arguments, format);
    (void)vsnprintf(added->text, sizeof(added->text), format, arguments);
    va_end(arguments);
    stack->n_remarks++;
    return 0;
}

/* libpam reads no more of anything: each call of it fails. */
static int break_off(struct reading *reading, const struct source *source, unsigned line,
                     const char *why)
{
    reading->stack->broken = true;
    return remark(reading, true, source, line, "%s: libpam refuses to start this service", why);
}

/* Takes over what `handler` owns. */
static int add(struct reading *reading, const struct source *source, enum pam_phase phase,
               struct pam_handler *handler)
{
    struct pam_handlers *list =
        source->other ? &reading->stack->other[phase] : &reading->stack->own[phase];
    struct pam_handler *grown = reallocarray(list->items, list->count + 1, sizeof(*list->items));

    if (grown) {
        list->items = grown;
        handler->file = strdup(source->file);
    }
    if (!grown || !handler->file) {
        handler_clear(handler);
        return -ENOMEM;
    }
    list->items[list->count++] = *handler;
    return 0;
}

static int add_plain(struct reading *reading, const struct source *source, enum pam_phase phase,
                     unsigned line, enum pam_handler_kind kind)
{
    struct pam_handler handler = {.kind = kind, .level = source->level, .line = line};

    for (int i = 0; i < PAM_TEXT_CODES; i++)
        handler.actions[i] = PAM_DO_BAD;
    return add(reading, source, phase, &handler);
}

static int read_arguments(char *rest, struct pam_handler *handler)
{
    char *next = NULL;

    for (char *word = rest ? pam_text_word(rest, &next) : NULL; word;
         word = pam_text_word(NULL, &next)) {
        char **grown = reallocarray(handler->arguments, handler->n_arguments + 1, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        handler->arguments = grown;
        grown[handler->n_arguments] = strdup(word);
        if (!grown[handler->n_arguments])
            return -ENOMEM;
        handler->n_arguments++;
    }
    return 0;
}

/* "account required pam_x.so arguments", behind the control. */
static int read_module(struct reading *reading, const struct source *source, enum pam_phase phase,
                       unsigned line, const char *control, const char *module, char *rest,
                       const int *actions, bool must_fail)
{
    struct pam_handler handler = {
        .kind = must_fail || !module ? PAM_MUST_FAIL : PAM_MODULE,
        .level = source->level,
        .line = line,
    };

    memcpy(handler.actions, actions, sizeof(handler.actions));
    handler.control = strdup(control);
    if (module)
        handler.module = strdup(module);
    if (!handler.control || (module && !handler.module) || read_arguments(rest, &handler) < 0) {
        handler_clear(&handler);
        return -ENOMEM;
    }
    return add(reading, source, phase, &handler);
}

/* include, substack, @include. Returns 0 even where the file cannot be used: then a line that fails
 * stands in its place. */
static int read_include(struct reading *reading, const struct source *source, enum pam_phase phase,
                        unsigned line, const char *name, bool substack, bool debian)
{
    struct source below = *source;
    struct pam_handler fails = {.kind = PAM_MUST_FAIL, .level = source->level, .line = line};
    int r;

    below.only = phase;
    below.depth++;
    below.level += substack;
    if (substack) {
        r = add_plain(reading, source, phase, line, PAM_SUBSTACK);
        if (r < 0)
            return r;
    }
    r = name ? read_service(reading, name, &below) : -ENOENT;
    if (r == -ENOMEM || r == -EACCES || reading->stack->broken)
        return r == -ENOMEM || r == -EACCES ? r : 0;
    if (r == 0)
        return 0;
    if (phase == ANY_PHASE)
        return break_off(reading, source, line, "@include of a file that cannot be read");
    r = remark(reading, true, source, line,
               debian ? "%s cannot be included, and what libpam makes of that is left to chance"
                      : "%s cannot be included: this line fails whenever it is its turn",
               name ? name : "nothing");
    if (r < 0)
        return r;
    /* Its patch leaves the actions of such a line as the memory was. */
    fails.uncertain = debian;
    for (int i = 0; i < PAM_TEXT_CODES; i++)
        fails.actions[i] = debian ? PAM_DO_IGNORE : PAM_DO_BAD;
    return add(reading, source, phase, &fails);
}

static enum pam_phase phase_of(const char *word)
{
    for (int i = 0; i < PAM_PHASES; i++)
        if (strcasecmp(phase_names[i], word) == 0)
            return (enum pam_phase)i;
    return ANY_PHASE;
}

/* Debian's own: takes the file of that name in /etc/pam.d, and nowhere else. */
static int read_debian_include(struct reading *reading, const struct source *source, unsigned line,
                               const char *name)
{
    CLEANUP_FREE char *path = NULL;

    if (!name)
        return break_off(reading, source, line, "@include without a name");
    if (name[0] != '/' && asprintf(&path, "%s/%s", folders[0], name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return read_include(reading, source, source->only, line, path ? path : name, false, true);
}

static int read_line(struct reading *reading, const struct source *source, char *text,
                     unsigned line)
{
    int actions[PAM_TEXT_CODES];
    bool must_fail = false, understood;
    char *next = text, *word, *control;
    enum pam_phase phase;
    int r;

    if (++reading->lines > LINES_MAX)
        return break_off(reading, source, line, "more lines than are looked at here");
    if (!source->service) {
        word = pam_text_word(NULL, &next);
        if (!word || strcasecmp(word, source->other ? "other" : reading->stack->service) != 0)
            return 0;
        if (!source->other)
            reading->stack->found = true;
    }
    word = pam_text_word(NULL, &next);
    if (word && word[0] == '-')
        word++;
    if (word && strcasecmp(word, "@include") == 0)
        return read_debian_include(reading, source, line, pam_text_word(NULL, &next));
    phase = word ? phase_of(word) : ANY_PHASE;
    if (phase == ANY_PHASE) {
        r = remark(reading, true, source, line,
                   "there is no module type \"%.100s\": this line fails", word ? word : "");
        if (r < 0)
            return r;
        phase = source->only == ANY_PHASE ? PAM_PHASE_AUTH : source->only;
        must_fail = true;
    }
    if (source->only != ANY_PHASE && phase != source->only)
        return 0;

    control = pam_text_word(NULL, &next);
    if (!control) {
        r = remark(reading, true, source, line, "the line ends before its control: it fails");
        return r < 0 ? r : add_plain(reading, source, phase, line, PAM_MUST_FAIL);
    }
    if (strcasecmp(control, "include") == 0 || strcasecmp(control, "substack") == 0) {
        bool substack = strcasecmp(control, "substack") == 0;

        return read_include(reading, source, phase, line, pam_text_word(NULL, &next), substack,
                            false);
    }
    understood = pam_text_control(control, actions);
    if (!understood) {
        r = remark(
            reading, true, source, line,
            "libpam does not understand the control \"%.100s\" and takes every result for bad",
            control);
        if (r < 0)
            return r;
    }
    word = pam_text_word(NULL, &next);
    if (!word) {
        r = remark(reading, true, source, line, "the line names no module: it fails");
        if (r < 0)
            return r;
    }
    return read_module(reading, source, phase, line, control, word, next, actions, must_fail);
}

static int read_text(struct reading *reading, const struct source *source, const char *content,
                     size_t length)
{
    struct pam_text text = {.at = content, .end = content + length};

    for (;;) {
        struct pam_text_line line;
        int r = pam_text_next(&text, &line);

        if (r == -EBADMSG)
            return break_off(reading, source, text.line, "the file ends in a continued line");
        if (r <= 0)
            return r;
        if (line.doubtful)
            r = remark(reading, false, source, line.number,
                       "releases of libpam read this line differently (a comment or an empty line "
                       "behind a backslash, or more than 1000 bytes)");
        else
            r = 0;
        if (r == 0)
            r = read_line(reading, source, line.text, line.number);
        free(line.text);
        if (r < 0 || reading->stack->broken)
            return r;
    }
}

static int read_path(struct reading *reading, const char *path, struct source *source)
{
    CLEANUP_FREE char *text = NULL;
    size_t length = 0;
    int r = tree_read(reading->tree, path, &text, &length);

    if (r == -EACCES || r == -EPERM) {
        free(reading->unreadable);
        reading->unreadable = strdup(path);
        return reading->unreadable ? -EACCES : -ENOMEM;
    }
    if (r < 0)
        return r;
    source->file = path;
    return read_text(reading, source, text, length);
}

/* The file of a service, or an absolute path, for one place in the stack. Returns 0, -ENOENT (or
 * another errno that means that libpam does not get it either), -EACCES or -ENOMEM. */
static int read_service(struct reading *reading, const char *name, const struct source *source)
{
    struct source copy = *source;
    int r = -ENOENT;

    if (copy.depth >= DEPTH_MAX) {
        int r2 = remark(reading, true, source, 0, "files include each other without end");

        return r2 < 0 ? r2 : -ELOOP;
    }
    if (name[0] == '/')
        return read_path(reading, name, &copy);
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders) && r != 0; i++) {
        CLEANUP_FREE char *path = NULL;

        if (asprintf(&path, "%s/%s", folders[i], name) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        r = read_path(reading, path, &copy);
        if (r == -ENOMEM || r == -EACCES)
            return r;
        /* Debian's patch to libpam; a service itself is looked for in both. */
        if (r == 0 && i > 0 && source->depth > 0)
            return remark(
                reading, false, source, 0,
                "includes %s, which is in %s: Debian's libpam looks for included files in "
                "%s alone, others in both",
                name, folders[i], folders[0]);
    }
    return r;
}

static bool is_folder(const struct tree *tree, const char *path)
{
    struct stat status;

    return tree_stat(tree, path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int load(struct reading *reading)
{
    struct pam_stack *stack = reading->stack;
    bool has_folder = false;
    int r;

    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        has_folder = has_folder || is_folder(reading->tree, folders[i]);
    for (int other = 0; other < 2 && !stack->broken; other++) {
        struct source source = {
            .file = "/etc/pam.conf",
            .service = !has_folder ? NULL
                       : other     ? "other"
                                   : stack->service,
            .only = ANY_PHASE,
            .other = other,
        };

        if (has_folder) {
            r = read_service(reading, source.service, &source);
            if (r == 0 && !other)
                stack->found = true;
        } else {
            r = read_path(reading, source.file, &source);
        }
        if (r == -ENOMEM || r == -EACCES)
            return r;
    }
    return 0;
}

int pam_stack_load(const struct tree *tree, const char *service, struct pam_stack **ret_stack,
                   char **ret_unreadable)
{
    CLEANUP_PAM_STACK struct pam_stack *stack = calloc(1, sizeof(*stack));
    struct reading reading = {.tree = tree, .stack = stack};
    int r;

    if (!stack)
        return -ENOMEM;
    stack->service = strdup(service);
    if (!stack->service)
        return -ENOMEM;
    /* pam_start(3) does the same with a name. */
    for (char *c = stack->service; *c && service[0] != '/'; c++)
        *c = (char)tolower((unsigned char)*c);
    r = load(&reading);
    if (r < 0 && ret_unreadable && reading.unreadable)
        *ret_unreadable = TAKE_PTR(reading.unreadable);
    free(reading.unreadable);
    if (r < 0)
        return r;
    *ret_stack = TAKE_PTR(stack);
    return 0;
}

int pam_stack_file(const struct tree *tree, const char *service, char **ret_path)
{
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        CLEANUP_FREE char *path = NULL;
        struct stat status;

        if (asprintf(&path, "%s/%s", folders[i], service) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        if (tree_stat(tree, path, &status) == 0 && S_ISREG(status.st_mode)) {
            *ret_path = TAKE_PTR(path);
            return 0;
        }
    }
    return -ENOENT;
}
