/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The process that asks the name service. Whatever a module of it does - hang, crash, leak, close
 * file descriptors - happens here and not in the broker. */

#include "names/names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "caps.h"
#include "names/message.h"
#include "text.h"

/* One entry of the user or group database: a group with tens of thousands of members fits. */
#define RECORD_MAX (8 * 1024 * 1024)

/* What going through all users may take: a directory with hundreds of thousands of them must not
 * use up the time in which the group's own list could have been given. */
#define ENUMERATION_MS (NAMES_TIMEOUT_MS / 4)

/* The kernel's limit (NGROUPS_MAX); nobody has more. */
#define GROUPS_MAX 65536

/* A name that no database has: see groups_were_told(). */
#define NO_SUCH_GROUP "pam-checkout.no-such-group"

/* Room for getpw*_r and getgr*_r, kept from one look-up to the next. */
struct scratch {
    char *data;
    size_t size;
};

/* "There is no such" is only what the name service says by returning 0 and no entry. ENOENT as an
 * error is, for one, a database file that is missing. */
static int lookup_error(int error)
{
    return error == ENOENT || error == ESRCH || error < 0 ? -EIO : -error;
}

static int scratch_grow(struct scratch *scratch)
{
    size_t size = scratch->size ? scratch->size * 2 : 4096;

    if (size > RECORD_MAX)
        return -EMSGSIZE;
    char *grown = realloc(scratch->data, size);
    if (!grown)
        return -ENOMEM;
    scratch->data = grown;
    scratch->size = size;
    return 0;
}

/* What getpwnam_r(3) and its like returned: 0 found, negative not, positive: ask again. */
static int verdict(struct scratch *scratch, int error, const void *found)
{
    int r;

    switch (error) {
    case 0:
        return found ? 0 : -ENOENT;
    case EINTR:
        return 1;
    case ERANGE:
        r = scratch_grow(scratch);
        return r < 0 ? r : 1;
    default:
        return lookup_error(error);
    }
}

static int group_by_name(struct scratch *scratch, const char *name, struct group *ret_group)
{
    struct group *found = NULL;
    int error, r;

    do {
        error = getgrnam_r(name, ret_group, scratch->data, scratch->size, &found);
        r = verdict(scratch, error, found);
    } while (r > 0);
    return r;
}

static int group_by_gid(struct scratch *scratch, gid_t gid, struct group *ret_group)
{
    struct group *found = NULL;
    int error, r;

    do {
        error = getgrgid_r(gid, ret_group, scratch->data, scratch->size, &found);
        r = verdict(scratch, error, found);
    } while (r > 0);
    return r;
}

static int user_by_item(struct scratch *scratch, const struct names_item *item,
                        struct passwd *ret_user)
{
    struct passwd *found = NULL;
    int error, r;

    do {
        if (item->kind == NAMES_UID)
            error = getpwuid_r(item->uid, ret_user, scratch->data, scratch->size, &found);
        else
            error = getpwnam_r(item->name, ret_user, scratch->data, scratch->size, &found);
        r = verdict(scratch, error, found);
    } while (r > 0);
    return r;
}

/* getgrouplist(3) has no way to say that a source of groups could not be asked: it leaves its
 * groups out. A look-up that all sources have to answer has, so one is made after it. */
static int groups_were_told(struct scratch *scratch)
{
    struct group group;
    int r = group_by_name(scratch, NO_SUCH_GROUP, &group);

    return r == -ENOENT ? 0 : r;
}

static int gids_of(const char *name, gid_t primary, gid_t **ret_gids, int *ret_count)
{
    CLEANUP_FREE gid_t *gids = NULL;
    int allocated = 64;

    for (;;) {
        int count = allocated;
        gid_t *grown = reallocarray(gids, (size_t)allocated, sizeof(*gids));

        if (!grown)
            return -ENOMEM;
        gids = grown;
        if (getgrouplist(name, primary, gids, &count) >= 0) {
            *ret_gids = TAKE_PTR(gids);
            *ret_count = count;
            return 0;
        }
        if (allocated > GROUPS_MAX)
            return -EMSGSIZE;
        allocated *= 2;
    }
}

static int find_groups(struct scratch *scratch, gid_t primary, struct identity *user)
{
    CLEANUP_FREE gid_t *gids = NULL;
    int count = 0;
    int r = gids_of(user->name, primary, &gids, &count);

    if (r < 0)
        return r;
    user->groups = calloc((size_t)count + 1, sizeof(*user->groups));
    if (!user->groups)
        return -ENOMEM;
    for (int i = 0; i < count; i++) {
        struct group group;

        r = group_by_gid(scratch, gids[i], &group);
        /* No policy can name a group that has no name, or none that is text. */
        if (r == -ENOENT ||
            (r == 0 && (!*group.gr_name || !text_is_valid(group.gr_name, LIMIT_NAME))))
            continue;
        if (r < 0)
            return r;
        user->groups[user->n_groups] = strdup(group.gr_name);
        if (!user->groups[user->n_groups])
            return -ENOMEM;
        user->n_groups++;
    }
    user->groups_known = true;
    return 0;
}

static int find_user(struct scratch *scratch, const struct names_item *item,
                     struct names_result *result)
{
    struct passwd user;
    int r = user_by_item(scratch, item, &user);

    if (r < 0)
        return r;
    if (user.pw_uid == UID_UNSET || (item->kind == NAMES_UID && user.pw_uid != item->uid))
        return -EBADMSG;
    gid_t primary = user.pw_gid;

    result->user.name = strdup(user.pw_name);
    if (!result->user.name)
        return -ENOMEM;
    result->user.uid = user.pw_uid;
    return item->groups ? find_groups(scratch, primary, &result->user) : 0;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A list of names without doubles, NULL-terminated. */
struct name_list {
    char **names;
    size_t count;
    size_t allocated;
};

static int name_list_add(struct name_list *list, const char *name)
{
    if (!*name || !text_is_valid(name, LIMIT_NAME))
        return 0;
    if (list->count + 1 >= list->allocated) {
        size_t allocated = list->allocated ? list->allocated * 2 : 64;
        char **grown = reallocarray(list->names, allocated, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        list->names = grown;
        list->allocated = allocated;
    }
    list->names[list->count] = strdup(name);
    if (!list->names[list->count])
        return -ENOMEM;
    list->names[++list->count] = NULL;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void name_list_drop_doubles(struct name_list *list)
{
    size_t kept = 0;

    if (list->count == 0)
        return;
    qsort(list->names, list->count, sizeof(*list->names), compare_names);
    for (size_t i = 1; i < list->count; i++) {
        if (strcmp(list->names[i], list->names[kept]) == 0)
            free(list->names[i]);
        else
            list->names[++kept] = list->names[i];
    }
    list->count = kept + 1;
    list->names[list->count] = NULL;
}

/* Adds those whose primary group it is. *ret_incomplete where the time ran out. */
static int add_primary_members(struct scratch *scratch, gid_t gid, struct name_list *list,
                               bool *ret_incomplete)
{
    uint64_t deadline = now_ms() + ENUMERATION_MS;
    int r = 0;

    setpwent();
    while (r >= 0) {
        struct passwd user, *found = NULL;
        int error = getpwent_r(&user, scratch->data, scratch->size, &found);

        if (error == ENOENT) /* getpwent_r(3): there are no more */
            break;
        r = verdict(scratch, error, found);
        if (r < 0)
            *ret_incomplete = true;
        if (r == 0 && user.pw_gid == gid) {
            r = name_list_add(list, user.pw_name);
            if (r < 0)
                break;
        }
        if (now_ms() >= deadline) {
            *ret_incomplete = true;
            break;
        }
    }
    endpwent();
    return r == -ENOMEM ? r : 0;
}

static int find_members(struct scratch *scratch, const struct names_item *item,
                        struct names_result *result)
{
    struct name_list list = {0};
    struct group group;
    int r = group_by_name(scratch, item->name, &group);

    if (r < 0)
        return r;
    gid_t gid = group.gr_gid;

    for (char **member = group.gr_mem; *member && r == 0; member++)
        r = name_list_add(&list, *member);
    if (r == 0)
        r = add_primary_members(scratch, gid, &list, &result->incomplete);
    name_list_drop_doubles(&list);
    result->members = list.names;
    return r;
}

/* Nothing of it is left, the uid least of all. */
static void result_fail(struct names_result *result, int error)
{
    message_results_clear(result, 1);
    result->error = error;
    result->user.uid = UID_UNSET;
}

static void find(struct scratch *scratch, const struct names_item *item,
                 struct names_result *result)
{
    result->user.uid = UID_UNSET;
    int r = item->kind == NAMES_MEMBERS ? find_members(scratch, item, result)
                                        : find_user(scratch, item, result);

    if (r < 0)
        result_fail(result, r);
}

static int answer_items(struct scratch *scratch, const struct names_item *items, size_t count,
                        struct names_result *results, struct message_buffer *answer)
{
    bool any_groups = false;
    int told = 0, r = 0;

    for (size_t i = 0; i < count; i++) {
        find(scratch, &items[i], &results[i]);
        any_groups = any_groups || results[i].user.groups_known;
    }
    if (any_groups)
        told = groups_were_told(scratch);
    for (size_t i = 0; i < count && r == 0; i++) {
        if (told < 0 && results[i].user.groups_known)
            result_fail(&results[i], told);
        r = message_write_result(answer, &items[i], &results[i]);
        if (r < 0 && !results[i].error) {
            result_fail(&results[i], r);
            r = message_write_result(answer, &items[i], &results[i]);
        }
    }
    return r;
}

static int send_answer(const struct message_header *request, const struct message_buffer *answer)
{
    size_t sent = 0;

    do {
        size_t part = answer->size - sent;
        struct message_header header = *request;
        struct iovec parts[] = {{&header, sizeof(header)}, {answer->data + sent, 0}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

        if (part > MESSAGE_PAYLOAD_MAX)
            part = MESSAGE_PAYLOAD_MAX;
        parts[1].iov_len = part;
        header.offset = (uint32_t)sent;
        header.total = (uint32_t)answer->size;
        while (sendmsg(STDIN_FILENO, &message, MSG_NOSIGNAL) < 0) {
            if (errno != EINTR)
                return -errno;
        }
        sent += part;
    } while (sent < answer->size);
    return 0;
}

static int answer_batch(struct scratch *scratch, const uint8_t *packet, size_t size)
{
    CLEANUP_MESSAGE_BUFFER struct message_buffer answer = {0};
    CLEANUP_FREE struct names_item *items = NULL;
    struct message_header header;

    if (size < sizeof(header))
        return -EBADMSG;
    memcpy(&header, packet, sizeof(header));
    if (header.magic != MESSAGE_MAGIC || header.offset != 0 ||
        header.total != size - sizeof(header))
        return -EBADMSG;

    int r = message_read_request(packet + sizeof(header), header.total, header.count, &items);
    if (r < 0)
        return r;
    struct names_result *results = calloc(header.count, sizeof(*results));
    if (!results)
        return -ENOMEM;
    r = answer_items(scratch, items, header.count, results, &answer);
    message_results_clear(results, header.count);
    free(results);
    return r < 0 ? r : send_answer(&header, &answer);
}

int names_worker_main(void)
{
    struct scratch scratch = {0};
    uint8_t *packet = malloc(MESSAGE_PACKET_MAX);
    int exit_code = EXIT_FAILURE;

    /* Nobody else is to answer for a broker that was killed while a module hangs here. */
    if (!packet || scratch_grow(&scratch) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        goto finish;
    /* The program may have been started as /proc/self/exe, which says little in a list. */
    (void)prctl(PR_SET_NAME, "checkout-names");
    for (;;) {
        ssize_t n = recv(STDIN_FILENO, packet, MESSAGE_PACKET_MAX, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            exit_code = EXIT_SUCCESS;
        if (n <= 0 || answer_batch(&scratch, packet, (size_t)n) < 0)
            break;
    }
finish:
    free(scratch.data);
    free(packet);
    return exit_code;
}
