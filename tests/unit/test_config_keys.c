/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy_fixture.h"

#include <stdio.h>
#include <sys/socket.h>

#include "policy/quorum.h"

/* What stands above the key that a case is about: lines 1 to 4. */
static const char head[] =
    "[policy p]\naccounts = root\nrequesters = alice\napprovers = %ops, bob\n";
static const char bare[] = "[policy p]\n";

static struct policy_set *with(const char *above, const char *keys)
{
    char text[4096];

    assert_true(snprintf(text, sizeof(text), "%s%s", above, keys) < (int)sizeof(text));
    return fixture_policies(text);
}

static void refused(const char *above, const char *keys, const char *sentence)
{
    char text[4096];
    int length = snprintf(text, sizeof(text), "%s%s", above, keys);

    assert_true(length < (int)sizeof(text));
    fixture_refused(text, (size_t)length, sentence);
}

static void test_defaults(void **state)
{
    struct policy_set *set = with(head, "");
    const struct policy *policy = set->policies[0];
    const struct approvers approvers = {.principals = &policy->approvers};
    char *sentence = quorum_sentence(policy->quorum, &approvers);

    assert_int_equal(set->n_policies, 1);
    assert_string_equal(policy->name, "p");
    assert_string_equal(policy->file, "x.conf");
    assert_int_equal(policy->line, 1);
    assert_int_equal(policy->doors, DOOR_ANY);
    assert_int_equal(policy->n_from, 0);
    assert_int_equal(policy->exempt.count, 0);
    assert_true(policy->approval_required);
    assert_string_equal(sentence, "1 approval of anyone in %ops or bob");
    assert_false(policy->self_approval);
    assert_int_equal(policy->reason, NEED_REQUIRED);
    assert_int_equal(policy->reason_min_length, 1);
    assert_int_equal(policy->ticket, NEED_OPTIONAL);
    assert_null(policy->ticket_pattern);
    assert_int_equal(policy->duration, 3600);
    assert_int_equal(policy->max_duration, 8 * 3600);
    assert_int_equal(policy->pending_timeout, 30 * 60);
    assert_int_equal(policy->use_within, 24 * 3600);
    assert_int_equal(policy->clock, CLOCK_STARTS_AT_APPROVAL);
    assert_int_equal(policy->n_hours, 0);
    assert_false(policy->exclusive);
    assert_int_equal(policy->uses, 0);
    assert_int_equal(policy->max_open, 0);
    assert_int_equal(policy->person, PERSON_IS_ACCOUNT);
    assert_int_equal(policy->on_end, ON_END_TERMINATE);
    assert_int_equal(policy->warn_before, 300);
    assert_false(policy->return_on_logout);
    assert_false(policy->survive_reboot);
    free(sentence);
    policy_set_free(set);
}

static void test_every_key(void **state)
{
    struct policy_set *set = with(bare, "accounts = root, oracle\n"
                                        "accounts = uid:200-299\n"
                                        "requesters = %ops, alice, uid:1000-1999\n"
                                        "doors = sudo\n"
                                        "doors = ssh\n"
                                        "from = 10.0.0.0/8, local\n"
                                        "from = 2001:db8::/32\n"
                                        "exempt = carol\n"
                                        "approval = required\n"
                                        "approvers = %security, %managers, bob\n"
                                        "quorum = security:1 & managers:1\n"
                                        "self-approval = yes\n"
                                        "reason = optional\n"
                                        "reason-min-length = 10\n"
                                        "ticket = required\n"
                                        "ticket-pattern = (CHG|INC)-[0-9]{4,}\n"
                                        "duration = 1h 30min\n"
                                        "max-duration = 2d\n"
                                        "pending-timeout = 45m\n"
                                        "use-within = 3h\n"
                                        "clock = first-use\n"
                                        "hours = Mon..Fri 07:00-19:00 Europe/Berlin\n"
                                        "hours = Sat,Sun 10:00-12:00\n"
                                        "exclusive = yes\n"
                                        "uses = 3\n"
                                        "max-open = 5\n"
                                        "person = key\n"
                                        "on-end = warn\n"
                                        "warn-before = 1min\n"
                                        "return-on-logout = yes\n"
                                        "survive-reboot = yes\n");
    const struct policy *policy = set->policies[0];
    const struct approvers approvers = {.principals = &policy->approvers};
    char *sentence = quorum_sentence(policy->quorum, &approvers);

    assert_int_equal(policy->n_accounts, 3);
    assert_string_equal(policy->accounts[0].name, "root");
    assert_true(policy->accounts[0].uid_known);
    assert_int_equal(policy->accounts[0].uid, 0);
    assert_string_equal(policy->accounts[1].name, "oracle");
    assert_false(policy->accounts[1].uid_known);
    assert_true(policy->accounts[2].is_range);
    assert_int_equal(policy->accounts[2].first, 200);
    assert_int_equal(policy->accounts[2].last, 299);
    assert_int_equal(policy->requesters.count, 3);
    assert_string_equal(policy->requesters.items[0].name, "ops");
    assert_true(policy->requesters.items[0].is_group);
    assert_string_equal(policy->requesters.items[1].name, "alice");
    assert_false(policy->requesters.items[1].is_group);
    assert_true(policy->requesters.items[2].is_range);
    assert_int_equal(policy->requesters.items[2].first, 1000);
    assert_int_equal(policy->requesters.items[2].last, 1999);
    assert_int_equal(policy->doors, DOOR_SUDO | DOOR_SSH);
    assert_int_equal(policy->n_from, 3);
    assert_int_equal(policy->from[0].family, AF_INET);
    assert_true(policy->from[1].local);
    assert_int_equal(policy->from[2].family, AF_INET6);
    assert_int_equal(policy->exempt.count, 1);
    assert_true(policy->approval_required);
    assert_int_equal(policy->approvers.count, 3);
    assert_string_equal(sentence,
                        "1 approval of anyone in %security and 1 approval of anyone in %managers");
    assert_true(policy->self_approval);
    assert_int_equal(policy->reason, NEED_OPTIONAL);
    assert_int_equal(policy->reason_min_length, 10);
    assert_int_equal(policy->ticket, NEED_REQUIRED);
    assert_string_equal(ticket_pattern_text(policy->ticket_pattern), "(CHG|INC)-[0-9]{4,}");
    assert_int_equal(policy->duration, 5400);
    assert_int_equal(policy->max_duration, 2 * 86400);
    assert_int_equal(policy->pending_timeout, 45 * 60);
    assert_int_equal(policy->use_within, 3 * 3600);
    assert_int_equal(policy->clock, CLOCK_STARTS_AT_FIRST_USE);
    assert_int_equal(policy->n_hours, 2);
    assert_string_equal(policy->hours[0].zone, "Europe/Berlin");
    assert_null(policy->hours[1].zone);
    assert_true(policy->exclusive);
    assert_int_equal(policy->uses, 3);
    assert_int_equal(policy->max_open, 5);
    assert_int_equal(policy->person, PERSON_IS_KEY_OWNER);
    assert_int_equal(policy->on_end, ON_END_WARN);
    assert_int_equal(policy->warn_before, 60);
    assert_true(policy->return_on_logout);
    assert_true(policy->survive_reboot);
    free(sentence);
    policy_set_free(set);
}

static void test_other_good_values(void **state)
{
    static const char *const cases[] = {
        "doors = any\n",
        "doors = sudo, su, ssh, login\n",
        "approval = required\nquorum = 2 then ops:1\n",
        "reason = no\n",
        "reason = required\nreason-min-length = 1000\n",
        "ticket = no\n",
        "ticket = optional\nticket-pattern = [A-Z]+\n",
        "ticket-pattern = ([0-9]{4}-){3}[0-9]{4}\n",
        "ticket-pattern = []{}]{1,64}\n",
        "ticket-pattern = [^]{99}]x\\{99}\n",
        "duration = 366d\n",
        "duration = 1s\n",
        "uses = unlimited\nmax-open = unlimited\n",
        "uses = 1\nmax-open = 1000000\n",
        "on-end = nothing\n",
        "on-end = terminate\nwarn-before = no\n",
        "exempt = uid:5, %x\n",
        "exempt = first.last@example.org, DOMAIN\\user, machine$, _x-y\n",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        policy_set_free(with(head, cases[i]));
    policy_set_free(with(bare, "accounts=root\nrequesters=alice\napproval=none\n"));
    policy_set_free(with(head, "exempt = a , b\t,\tc\n"));
    policy_set_free(with(bare, "accounts\t=\troot \t\nrequesters=alice\napproval=none\n"));
}

static void test_one_duration_moves_the_other(void **state)
{
    struct policy_set *set = with(head, "duration = 12h\n");

    assert_int_equal(set->policies[0]->duration, 12 * 3600);
    assert_int_equal(set->policies[0]->max_duration, 12 * 3600);
    policy_set_free(set);
    set = with(head, "max-duration = 10min\n");
    assert_int_equal(set->policies[0]->duration, 600);
    assert_int_equal(set->policies[0]->max_duration, 600);
    policy_set_free(set);
    set = with(head, "max-duration = 4h\nduration = 4h\n");
    assert_int_equal(set->policies[0]->duration, 4 * 3600);
    policy_set_free(set);
    refused(head, "duration = 5h\nmax-duration = 4h\n",
            "x.conf:5: [policy p] duration: is longer than max-duration, which is 4h");
}

static void test_missing_keys(void **state)
{
    refused(bare, "", "x.conf:1: [policy p] accounts: is missing; every policy needs it");
    refused(bare, "accounts = root\n",
            "x.conf:1: [policy p] requesters: is missing; every policy needs it");
    refused(bare, "accounts = root\nrequesters = alice\n",
            "x.conf:1: [policy p] approvers: is missing; name who approves, or write approval = "
            "none");
    refused(bare, "requesters = alice\napproval = none\n",
            "x.conf:1: [policy p] accounts: is missing; every policy needs it");
}

static void test_keys_without_a_meaning(void **state)
{
    static const struct {
        const char *keys, *sentence;
    } cases[] = {
        {"approval = none\n", "x.conf:4: [policy p] approvers: means nothing with approval = none; "
                              "leave one of the two out"},
        {"reason = no\nreason-min-length = 3\n",
         "x.conf:6: [policy p] reason-min-length: means nothing with reason = no; leave one of the "
         "two out"},
        {"ticket-pattern = a\nticket = no\n", "x.conf:5: [policy p] ticket-pattern: means nothing "
                                              "with ticket = no; leave one of the two "
                                              "out"},
        {"use-within = 3h\n", "x.conf:5: [policy p] use-within: means nothing with clock = "
                              "approval; leave one of the two "
                              "out"},
        {"warn-before = 3min\non-end = nothing\n",
         "x.conf:5: [policy p] warn-before: means nothing with on-end = nothing; leave one of the "
         "two out"},
    };
    static const struct {
        const char *key, *value;
    } about_approval[] = {{"quorum", "1"}, {"self-approval", "no"}, {"pending-timeout", "1h"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(head, cases[i].keys, cases[i].sentence);
    for (size_t i = 0; i < sizeof(about_approval) / sizeof(about_approval[0]); i++) {
        char keys[128], sentence[256];

        snprintf(keys, sizeof(keys),
                 "accounts = root\nrequesters = alice\napproval = none\n%s = %s\n",
                 about_approval[i].key, about_approval[i].value);
        snprintf(
            sentence, sizeof(sentence),
            "x.conf:5: [policy p] %s: means nothing with approval = none; leave one of the two "
            "out",
            about_approval[i].key);
        refused(bare, keys, sentence);
    }
}

static void test_doubled_and_empty(void **state)
{
    static const char *const single[] = {"approval = required",   "quorum = 1",
                                         "self-approval = no",    "reason = required",
                                         "reason-min-length = 3", "ticket = required",
                                         "ticket-pattern = a",    "duration = 1h",
                                         "max-duration = 1h",     "pending-timeout = 1h",
                                         "use-within = 1h",       "clock = first-use",
                                         "exclusive = no",        "uses = 1",
                                         "max-open = 1",          "person = account",
                                         "on-end = warn",         "warn-before = 1min",
                                         "return-on-logout = no", "survive-reboot = no"};
    static const char *const lists[] = {"accounts", "requesters", "doors", "from",
                                        "exempt",   "approvers",  "hours"};
    char keys[256], sentence[256];

    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
        int name = (int)strcspn(single[i], " ");

        snprintf(keys, sizeof(keys), "%s\n# two lines further on\n%s\n", single[i], single[i]);
        snprintf(sentence, sizeof(sentence),
                 "x.conf:7: [policy p] %.*s: is given twice (first in line 5); it takes one value",
                 name, single[i]);
        refused(head, keys, sentence);
        snprintf(keys, sizeof(keys), "%.*s =\n", name, single[i]);
        snprintf(sentence, sizeof(sentence),
                 "x.conf:5: [policy p] %.*s: has no value; leave the key out for its default", name,
                 single[i]);
        refused(head, keys, sentence);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        snprintf(keys, sizeof(keys), "%s = \t\n", lists[i]);
        snprintf(sentence, sizeof(sentence),
                 "x.conf:5: [policy p] %s: has no value; leave the key out for its default",
                 lists[i]);
        refused(head, keys, sentence);
    }
}

#define UNKNOWN                                                                                    \
    "there is no such key; there are accounts requesters doors from exempt approval approvers "    \
    "quorum self-approval reason reason-min-length ticket ticket-pattern duration max-duration "   \
    "pending-timeout use-within clock hours exclusive uses max-open person on-end warn-before "    \
    "return-on-logout survive-reboot"

static void test_bad_values(void **state)
{
    static const struct {
        const char *keys, *sentence;
    } cases[] = {
        {"colour = red\n", "x.conf:5: [policy p] colour: " UNKNOWN},
        {"Duration = 1h\n", "x.conf:5: [policy p] Duration: " UNKNOWN},
        {"accounts = x\nAccounts = y\n", "x.conf:6: [policy p] Accounts: " UNKNOWN},

        {"accounts = %wheel\n", "x.conf:5: [policy p] accounts: '%wheel' is a group; accounts are "
                                "names or ranges such as uid:200-299"},
        {"accounts = root\n", "x.conf:5: [policy p] accounts: root is listed twice"},
        {"accounts = a,,b\n",
         "x.conf:5: [policy p] accounts: there is nothing between two commas or "
         "at an end of the list"},
        {"accounts = a,\n", "x.conf:5: [policy p] accounts: there is nothing between two commas or "
                            "at an end of the list"},
        {"accounts = 0\n", "x.conf:5: [policy p] accounts: '0' is a number; write uid:0 for a uid"},
        {"accounts = uid:\n", "x.conf:5: [policy p] accounts: 'uid:' is not a range; write for "
                              "example uid:1000-1999"},
        {"accounts = uid:x-y\n",
         "x.conf:5: [policy p] accounts: 'uid:x-y' is not a range; write for "
         "example uid:1000-1999"},
        {"accounts = uid:1-\n", "x.conf:5: [policy p] accounts: 'uid:1-' is not a range; write for "
                                "example uid:1000-1999"},
        {"accounts = uid:-1\n", "x.conf:5: [policy p] accounts: 'uid:-1' is not a range; write for "
                                "example uid:1000-1999"},
        {"accounts = uid:1-2-3\n",
         "x.conf:5: [policy p] accounts: 'uid:1-2-3' is not a range; write "
         "for example uid:1000-1999"},
        {"accounts = uid:2-1\n",
         "x.conf:5: [policy p] accounts: 'uid:2-1' is not a range; the first uid must not be above "
         "the last, and none above 4294967294"},
        {"accounts = uid:0-4294967295\n",
         "x.conf:5: [policy p] accounts: 'uid:0-4294967295' is not a range; the first uid must not "
         "be above the last, and none above 4294967294"},
        {"accounts = uid:0-42949672950\n", "x.conf:5: [policy p] accounts: 'uid:0-42949672950' is "
                                           "not a range; write for example uid:1000-1999"},

        {"requesters = alice\n", "x.conf:5: [policy p] requesters: alice is listed twice"},
        {"approvers = %ops\n", "x.conf:5: [policy p] approvers: %ops is listed twice"},
        {"requesters = carol dave\n", "x.conf:5: [policy p] requesters: 'carol dave' is not a "
                                      "name; names have no blanks and none "
                                      "of :/*?!&|()<>\"'`=;#% in them"},
        {"requesters = carol # the boss\n",
         "x.conf:5: [policy p] requesters: 'carol # the boss' is not a name; names have no blanks "
         "and "
         "none of :/*?!&|()<>\"'`=;#% in them (a comment needs a line of its own)"},
        {"requesters = carol ; the boss\n",
         "x.conf:5: [policy p] requesters: 'carol ; the boss' is not a name; names have no blanks "
         "and "
         "none of :/*?!&|()<>\"'`=;#% in them (a comment needs a line of its own)"},
        {"reason = no\t# x\n",
         "x.conf:5: [policy p] reason: 'no\\x09# x' is not allowed; write no, "
         "optional or required (a comment needs a line of its own)"},
        {"reason = no\t; x\n",
         "x.conf:5: [policy p] reason: 'no\\x09; x' is not allowed; write no, "
         "optional or required (a comment needs a line of its own)"},
        {"requesters = *\n",
         "x.conf:5: [policy p] requesters: '*' is not a name; names have no blanks and none of "
         ":/*?!&|()<>\"'`=;#% in them"},
        {"requesters = %\n", "x.conf:5: [policy p] requesters: a name is missing"},
        {"requesters = %%ops\n",
         "x.conf:5: [policy p] requesters: '%ops' is not a name; names have no blanks and none of "
         ":/*?!&|()<>\"'`=;#% in them"},
        {"exempt = -x\n",
         "x.conf:5: [policy p] exempt: '-x' is not a name; names have no blanks and none of "
         ":/*?!&|()<>\"'`=;#% in them"},
        {"exempt = %1000\n",
         "x.conf:5: [policy p] exempt: '1000' is a number; write uid:1000 for a uid"},
        {"exempt = \xc2\xa0\n",
         "x.conf:5: [policy p] exempt: '\xc2\xa0' is not a name; names have no blanks and none of "
         ":/*?!&|()<>\"'`=;#% in them"},

        {"doors = sshd\n",
         "x.conf:5: [policy p] doors: 'sshd' is not a door; write sudo, su, ssh, login or any"},
        {"doors = su, su\n", "x.conf:5: [policy p] doors: su is listed twice"},
        {"doors = su\ndoors = su\n", "x.conf:6: [policy p] doors: su is listed twice"},
        {"doors = any, su\n", "x.conf:5: [policy p] doors: su is listed twice"},

        {"from = bastion.example.org\n",
         "x.conf:5: [policy p] from: 'bastion.example.org' is not an address; write an address, a "
         "network such as 10.0.0.0/8, or local"},
        {"from = local\nfrom = 10.0.0.1/8\n",
         "x.conf:6: [policy p] from: '10.0.0.1/8' has address bits set behind its length; write an "
         "address, a network such as 10.0.0.0/8, or local"},

        {"approval = yes\n",
         "x.conf:5: [policy p] approval: 'yes' is not allowed; write none or required"},
        {"quorum = 0\n",
         "x.conf:5: [policy p] quorum: '0' cannot be read: '0' is neither a number nor "
         "GROUP:NUMBER "
         "with a number from 1 to 64; write a number, or GROUP:NUMBER and manager joined by &, "
         "| and parentheses, stages joined by then"},
        {"quorum = dba:1\n",
         "x.conf:5: [policy p] quorum: 'dba:1' cannot be read: 'dba' is not among the approvers; "
         "write a number, or GROUP:NUMBER and manager joined by &, | and parentheses, stages "
         "joined by then"},
        {"self-approval = true\n",
         "x.conf:5: [policy p] self-approval: 'true' is not allowed; write no or yes"},
        {"reason = yes\n",
         "x.conf:5: [policy p] reason: 'yes' is not allowed; write no, optional or required"},
        {"reason = required # always\n",
         "x.conf:5: [policy p] reason: 'required # always' is not allowed; write no, optional or "
         "required (a comment needs a line of its own)"},
        {"reason-min-length = 0\n", "x.conf:5: [policy p] reason-min-length: '0' is not allowed; "
                                    "write a number from 1 to 1000"},
        {"reason-min-length = 1001\n",
         "x.conf:5: [policy p] reason-min-length: '1001' is not allowed; write a number from 1 to "
         "1000"},
        {"reason-min-length = +5\n", "x.conf:5: [policy p] reason-min-length: '+5' is not allowed; "
                                     "write a number from 1 to 1000"},
        {"reason-min-length = 18446744073709551617\n",
         "x.conf:5: [policy p] reason-min-length: '18446744073709551617' is not allowed; write a "
         "number from 1 to 1000"},
        {"ticket = REQUIRED\n",
         "x.conf:5: [policy p] ticket: 'REQUIRED' is not allowed; write no, optional or required"},
        {"ticket-pattern = (CHG\n",
         "x.conf:5: [policy p] ticket-pattern: '(CHG' is not a regular expression "
         "(pcre2syntax(3)): missing closing parenthesis"},
        {"ticket-pattern = [CHG\n",
         "x.conf:5: [policy p] ticket-pattern: '[CHG' is not a regular expression "
         "(pcre2syntax(3)): missing terminating ] for character class"},
        {"ticket-pattern = *\n", "x.conf:5: [policy p] ticket-pattern: '*' is not a regular "
                                 "expression (pcre2syntax(3)): quantifier does not follow a "
                                 "repeatable item"},
        {"ticket-pattern = x++++\n",
         "x.conf:5: [policy p] ticket-pattern: 'x++++' is not a regular expression "
         "(pcre2syntax(3)): quantifier does not follow a repeatable item"},
        {"ticket-pattern = ((a{999}){999}){999}\n",
         "x.conf:5: [policy p] ticket-pattern: '((a{999}){999}){999}' is not a regular expression "
         "(pcre2syntax(3)): regular expression is too large"},
        {"ticket-pattern = \\C\n",
         "x.conf:5: [policy p] ticket-pattern: '\\\\C' is not a regular expression "
         "(pcre2syntax(3)): using \\C is disabled by the application"},
        {"duration = soon\n", "x.conf:5: [policy p] duration: 'soon' is not a duration; write for "
                              "example 90s, 30min or 1h 30min"},
        {"duration = 60\n", "x.conf:5: [policy p] duration: '60' is not a duration; write for "
                            "example 90s, 30min or 1h 30min"},
        {"duration = 0s\n",
         "x.conf:5: [policy p] duration: '0s' is out of range; at least 1s, at most 366d"},
        {"max-duration = 367d\n",
         "x.conf:5: [policy p] max-duration: '367d' is out of range; at least 1s, at most 366d"},
        {"pending-timeout = 0min\n",
         "x.conf:5: [policy p] pending-timeout: '0min' is out of range; at least 1s, at most 366d"},
        {"use-within = -1h\n",
         "x.conf:5: [policy p] use-within: '-1h' is not a duration; write for "
         "example 90s, 30min or 1h 30min"},
        {"clock = use\n",
         "x.conf:5: [policy p] clock: 'use' is not allowed; write approval or first-use"},
        {"hours = 9-17\n",
         "x.conf:5: [policy p] hours: '9-17' has times that cannot be read; write for example "
         "Mon..Fri 07:00-19:00 Europe/Berlin, and repeat the key for more hours"},
        {"hours = Mon 09:00-17:00, Tue 09:00-17:00\n",
         "x.conf:5: [policy p] hours: 'Mon 09:00-17:00, Tue 09:00-17:00' has too many words; write "
         "for example Mon..Fri 07:00-19:00 Europe/Berlin, and repeat the key for more hours"},
        {"exclusive = 1\n", "x.conf:5: [policy p] exclusive: '1' is not allowed; write no or yes"},
        {"uses = 0\n", "x.conf:5: [policy p] uses: '0' is not allowed; write a number from 1 to "
                       "1000000, or unlimited"},
        {"max-open = 1000001\n", "x.conf:5: [policy p] max-open: '1000001' is not allowed; write a "
                                 "number from 1 to 1000000, or unlimited"},
        {"person = owner\n",
         "x.conf:5: [policy p] person: 'owner' is not allowed; write account or key"},
        {"on-end = kill\n",
         "x.conf:5: [policy p] on-end: 'kill' is not allowed; write terminate, warn or nothing"},
        {"warn-before = never\n", "x.conf:5: [policy p] warn-before: 'never' is not a duration; "
                                  "write for example 90s, 30min or 1h 30min"},
        {"return-on-logout = on\n",
         "x.conf:5: [policy p] return-on-logout: 'on' is not allowed; write no or yes"},
        {"survive-reboot = Yes\n",
         "x.conf:5: [policy p] survive-reboot: 'Yes' is not allowed; write no or yes"},
        /* what a terminal would obey is shown, not obeyed */
        {"person = \xe2\x80\xae"
         "key\n",
         "x.conf:5: [policy p] person: '\\u{202E}key' is not allowed; write account or key"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(head, cases[i].keys, cases[i].sentence);
}

static void test_long_values(void **state)
{
    char keys[2048], long_name[LIMIT_NAME + 2], sentence[512];

    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    snprintf(keys, sizeof(keys), "exempt = %s\n", long_name);
    refused(head, keys, "x.conf:5: [policy p] exempt: a name is longer than 256 bytes");
    snprintf(keys, sizeof(keys), "exempt = %s\n", long_name + 1);
    policy_set_free(with(head, keys));

    snprintf(keys, sizeof(keys), "ticket-pattern = %s\n", long_name);
    refused(head, keys, "x.conf:5: [policy p] ticket-pattern: is longer than 256 bytes");
    snprintf(keys, sizeof(keys), "ticket-pattern = %s\n", long_name + 1);
    policy_set_free(with(head, keys));

    /* a long value is quoted in part */
    snprintf(keys, sizeof(keys), "on-end = %s\n", long_name);
    snprintf(
        sentence, sizeof(sentence),
        "x.conf:5: [policy p] on-end: '%.159s' is not allowed; write terminate, warn or nothing",
        long_name);
    refused(head, keys, sentence);
}

static void test_long_lists(void **state)
{
    size_t size = 64 * 1024;
    char *text = malloc(size);
    int length;
    struct policy_set *set;

    assert_non_null(text);
    length = snprintf(text, size, "%sexempt = n0", head);
    for (int i = 1; i < 1024; i++)
        length +=
            snprintf(text + length, size - (size_t)length, i % 100 ? ", n%d" : "\nexempt = n%d", i);
    length += snprintf(text + length, size - (size_t)length, "\n");
    set = fixture_policies(text);
    assert_int_equal(set->policies[0]->exempt.count, 1024);
    assert_string_equal(set->policies[0]->exempt.items[1023].name, "n1023");
    policy_set_free(set);

    snprintf(text + length, size - (size_t)length, "exempt = one-more\n");
    fixture_refused(text, strlen(text),
                    "x.conf:16: [policy p] exempt: has more than 1024 items; use a group");
    free(text);
}

static void test_many_lines(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"from = local\n", "x.conf:1029: [policy p] from: has more than 1024 items"},
        {"hours = 09:00-17:00\n", "x.conf:1029: [policy p] hours: has more than 1024 lines"},
    };
    size_t size = 64 * 1024;
    char *text = malloc(size);

    assert_non_null(text);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = (size_t)snprintf(text, size, "%s", head);

        for (int k = 0; k < 1024; k++)
            length += (size_t)snprintf(text + length, size - length, "%s", cases[i].line);
        policy_set_free(fixture_policies(text));
        snprintf(text + length, size - length, "%s", cases[i].line);
        fixture_refused(text, strlen(text), cases[i].sentence);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_other_good_values),
        cmocka_unit_test(test_one_duration_moves_the_other),
        cmocka_unit_test(test_missing_keys),
        cmocka_unit_test(test_keys_without_a_meaning),
        cmocka_unit_test(test_doubled_and_empty),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_many_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
